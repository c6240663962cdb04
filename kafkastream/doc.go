// Package kafkastream makes a partition of a Kafka topic a source of reflex
// events, and writes events to topics.
//
//	orders := kafkastream.NewPartition(kafka, "orders", 0)
//	spec := reflex.NewSpec(orders.Stream, cursors.For(orders), consumer)
//
// # Guarantees
//
// A stream delivers every committed record after its cursor once, in the order
// of offsets. It skips nothing: markers, aborted records and what compaction
// removed are passed over because there is nothing to deliver, and wherever there
// should be something and isn't, the stream ends with an error that says
// what is missing.
//
// The ID of an event is its offset in decimal. The first offset is 0, so cursor
// "0" means that an event was consumed; "" is the start of the log. See Cursor for
// what else a cursor may say.
//
// Only what is below the last stable offset is delivered, as with read_committed: an
// open transaction holds back what was written after it began, until it ends.
//
// WithStreamFromHead starts at the last stable offset, which is asked for
// while Stream runs: everything that becomes visible after Stream returned is
// delivered. Until a cursor is set, a stream opened again starts at the head
// of that time: rpatterns.NewBootstrapSpec sets one first, which the stream knows, see
// reflex.Positioner. At the head of a log that is empty and always was, it is "-1".
//
// WithStreamToHead ends the stream with reflex.ErrHeadReached when a fetch that
// began after Recv did finds nothing: everything acknowledged before Recv was
// called is delivered first, but for transactions that are still open.
//
// WithStreamLag holds the next event back until it is old enough by the clock of
// its creator. It reorders nothing, so an event with a timestamp of the future
// holds back those behind it. With WithStreamToHead, an event too young is head.
//
// Faults that pass don't end a stream: leaders that move, brokers that restart,
// connections that break. It waits for as long as its context allows.
//
// Recv and Stream return promptly when the context is done, and Recv when Close is
// called, whatever the brokers do. A stream whose context is done releases all it
// holds by itself; any other must be closed.
//
// At most one batch of events is in the hands of the consumer while another
// waits, about 4 MiB each and more only where one batch of the producer's is,
// however long a consumer takes.
//
// # Non-guarantees
//
// A transaction that was committed may become visible a little after its commit
// returned: Kafka writes the markers later.
//
// Events lost by the cluster that nobody read are lost without a trace, and so is a
// truncated log that has grown again past a cursor without identity: "7"
// instead of "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4".
//
// Events of one batch share memory. One that is kept for long should be a
// reflex.Event.Clone, or it keeps the batch.
//
// # Errors
//
// What is wrong with a partition, a cursor, or the way to Kafka is an *Error,
// whose Kind is one of the sentinel errors, and which says what was asked for, what
// is there, and what to do. IsPermanent tells those that won't go away by
// themselves; a stream returns them once it is sure, and never skips an event to
// get past them. A topic that is gone counts as such after 5 s in which no broker
// knew it.
//
// # Concurrency
//
// A Partition and a Publisher are safe for concurrent use. A stream is for one
// goroutine, except that Close may be called from any. Each stream has a client, and
// so connections, of its own: a broker answers the requests on a connection in
// turn, and those that wait for events would hold up the others.
package kafkastream
