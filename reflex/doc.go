// Package reflex consumes streams of events with a cursor that survives.
//
// A [Consumer] is a name and the business logic that is run for each event. A
// [StreamFunc] is where events come from, a [CursorStore] where the consumer's
// position is kept. A [Spec] joins the three, and [Run] does the work: it reads
// the cursor, opens the stream after it, and for each event runs the logic and
// then sets the cursor.
//
//	consumer := reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
//		return bill(ctx, e.ForeignID)
//	})
//	spec := reflex.NewSpec(stream, cursors, consumer)
//	for ctx.Err() == nil {
//		err := reflex.Run(ctx, spec)
//		// Log err, wait a little, run again.
//	}
//
// The names, signatures, error texts and codes, metric names and trace bytes
// are those of luno/reflex, so moving over is a change of import paths. What was
// mended on the way is listed in MIGRATION.md.
//
// # Guarantees
//
//   - The cursor is set only after the logic returned nil for the event, or a
//     filter declined it. So an event is lost by no error, crash or panic.
//   - Events of a stream are consumed one at a time and in the order of the stream.
//   - Run ends soon after its context does, provided that the logic, the stream and
//     the store obey theirs, and then at most 20 seconds later for cleaning up.
//   - Run closes the stream and flushes the store however it ends, and returns what
//     went wrong with that.
//   - Nothing is global: nothing is registered or started by importing the package.
//
// # Non-guarantees
//
//   - An event is consumed at least once, not exactly once: it comes again when the
//     process dies between the logic and the durable cursor. Logic must be idempotent.
//   - Run does not retry. It returns the first error, and the caller decides.
//   - Run does not keep two processes from consuming under one name. A cursor store
//     may refuse the older one.
//   - Run does not bound the logic in time.
//
// # Errors
//
// Run never returns nil. Its error says in which step it ended: "get cursor
// error", "reset error", "recv error", "consume error" or "set cursor error",
// followed by the cause, which errors.Is and errors.As find; an error of the
// StreamFunc is returned as it is. The errors of the consume and set cursor steps
// carry the jettison key-values consumer, event_id and event_fid. [IsExpected] tells an
// end that is part of normal life, such as a cancelled context, from a failure. A
// panic of the logic is a [*PanicError], and failed cleaning up a [*CleanupError].
//
// # Metrics
//
// [NewConsumer] registers the metrics of consumers with a Prometheus registerer, by
// default the default one, when the first consumer is made, and shares what is
// there already. All have the label consumer_name.
//
//   - reflex_consumer_lag_seconds: age of the event in hand, or of the one that failed
//     and is not yet consumed, at the time of the scrape, so that the lag of a stuck consumer grows;
//     after success, the age at which the last event was done. Gone after Stop.
//   - reflex_consumer_lag_alert: 1 if that lag is above the alert threshold.
//   - reflex_consumer_active: 1 if an event came within the activity TTL.
//   - reflex_consumer_event_age_seconds: histogram of the ages at which events came.
//   - reflex_consumer_latency_seconds: histogram of the time that consuming took.
//   - reflex_consumer_error_count: unexpected errors that were not recovered from.
//   - reflex_consumer_skipped_events_count: events that a filter declined.
//
// # Traces
//
// [Event].Trace carries the span context of the event's creator. Consumers of
// [NewConsumer] find it as the remote span of their context.
//
// # Concurrency
//
// Specs and consumers may be used by several goroutines at once, and a Spec may
// be run any number of times. An open stream is for one goroutine.
package reflex
