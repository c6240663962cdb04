// Package migrate moves a stream and its consumers to Kafka while both go on working.
//
//	_, err := migrate.Copy(ctx, source, kafka, "orders", 0, migrate.WithCreateTopic(3), migrate.WithFollow())
//
// copies the events of any reflex.StreamFunc into a partition, and
//
//	mover := migrate.NewMover(migrate.Store(old), migrate.Copied(kafka, "orders", 0), migrate.Topic(cursors, "orders", 0))
//	plan, err := mover.Plan(ctx, "billing")  // changes nothing; fmt.Print(plan)
//	report, err := mover.Apply(ctx, plan)
//
// moves a consumer's cursor from any reflex.CursorStore to the copy of the event that it stands on.
//
// # Cutting a consumer over
//
// Have a Copy with WithFollow run. Then, for each consumer by itself, whenever it suits:
//
//  1. Stop it. Run flushes its cursor at the end; if it was killed, the cursor in the store is older.
//  2. Plan with WithWait, so that the copy comes up to the cursor, and Apply.
//  3. Start it with the stream of the partition and the store of kafkacursor.
//
// It goes on with the event after the cursor: nothing is lost, the order is kept, and what comes
// again is what it had consumed after the cursor that was flushed last; after a clean stop, nothing.
// A consumer that wasn't stopped is noticed if it sets its cursor between Plan and Apply, and not
// otherwise: it would go on beside the new one.
//
// When all consumers have moved, stop the old publishers, let the copy reach the head, end
// it, and start the new publishers on the partition. A record of theirs in the target ends any Copy with
// ErrForeignRecords, so that nothing of the old source can come behind it. Cursors can still be moved.
//
// # Guarantees of Copy
//
// The target holds the events of the source in their order, each once, whatever was killed and when. Where a
// copy has to go on is nowhere but in the target: each record has its old ID in the header
// HeaderSourceID, which readers can ignore. Batches are transactions, so a reader of committed events sees
// some beginning of the source at any time. Offsets have holes where markers of transactions are.
//
// Kafka lets one copy write, by a transactional ID of the partition; a later one takes over, and first
// ends what the earlier one has open. Before that it compares the event copied last with the source, so
// that a copy of something else fences nobody.
//
// An event keeps its type, foreign id, metadata (nil and empty too) and trace, and its timestamp in milliseconds.
// Finer ones are in a header as well: read the target with Decoder to have them.
//
// Memory is bounded by 16 MiB of events beside what the source holds, and the batch in flight.
//
// # Guarantees of Mover
//
// A cursor never moves to where an event follows that its consumer has not consumed and that would be left out. It is moved
// back only WithForce. What can't be moved stays, with the reason in the plan.
//
// # Non-guarantees
//
// Copy can't see what its source leaves out, such as a source that skips rows which are committed late.
//
// IDs that are no numbers have no order: only those of late are checked for being new.
//
// Somebody who writes to the target outside of Copy while it runs is noticed with the next transaction, which
// then isn't committed. What he wrote stays, and keeps the target from being copied into.
//
// Apply compares and sets in two steps: a consumer that sets its cursor in between is overruled, and its
// events come again.
//
// # Errors
//
// They are *Error, whose Kind is one of the Err variables here or of kafkastream, those of the source
// and the stores, and those of contexts. IsPermanent tells those that need somebody to do something.
//
// # Concurrency
//
// All functions are safe for concurrent use. Copy runs a goroutine that reads the source, and waits for it.
package migrate
