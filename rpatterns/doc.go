// Package rpatterns holds patterns on top of the reflex API. It knows nothing of any event source or
// storage: what is written here works with all of them, and with the logic of both forms.
//
// # One event after the other
//
//   - AckConsumer: the logic says when an event is done, from any goroutine, at any time.
//   - BatchConsumer: events together, by number, by time, or both.
//   - NewRetryConsumer: again with backoff, and then stick, skip or put aside, by class of error.
//   - NewBestEffortConsumer, NewDeadLetterConsumer: so many tries, then go on, the latter with a record of it.
//   - NewDrainConsumer, NewDrainSpec: the event in hand may be finished when the run is told to stop.
//
// # Many at once
//
//   - KeyedConsumer: in parallel, but in order for each key. The cursor is the low-water mark.
//   - ConcurrentConsumer: in parallel, in any order. The cursor is the same.
//   - ParallelSpecs, Parallel, ParallelAck: shards with a cursor each, which read the stream once in a process.
//
// # Runs, streams, cursors
//
//   - RunForever: again and again, with backoff, until the context ends.
//   - NewBootstrapSpec: begins at the head, and stores where that was before the first event.
//   - Poller: a stream of what a function returns. Await: waits for an event, or until a function says so.
//   - MemCursorStore, ReadThroughCursorStore: cursors in memory, and cursors that move to another store.
//   - GapSequence: up to where numbered work is done.
//
// # Guarantees
//
// A cursor moves to an event only when that and all events before it are consumed, filtered out, or put aside
// as it was asked for: by retries, best effort or a dead letter. A shutdown is never taken for a failure of the event in hand.
//
// What fails in a goroutine beside Run ends the run at once, also on a stream that has no more events.
//
// Nothing is left behind by a run that has ended, unless logic or a store ignores its context. What waits for those is
// bounded, and says so with an error: ErrBatchStuck, ErrInFlight.
//
// # Non-guarantees
//
// Failures are counted in memory: a restart begins anew. What was done behind the cursor comes again after a
// crash: for concurrent consumers that is up to their window.
//
// # Errors
//
// What is wrong with the arguments of a constructor, which has no error to return, is an error of Reset or Consume, and so of
// Run, before any event is consumed: ErrInvalidBatchConfig, ErrInvalidLimit, ErrNoShards and the like.
//
// # Concurrency
//
// A spec of a consumer with state, which are those of batches, acks, and concurrency, is run once at a time. Stores
// and consumers may be used by several goroutines where their parts may.
package rpatterns
