// Package kafkacursor keeps the cursors of reflex consumers in a compacted Kafka
// topic.
//
//	cursors, err := kafkacursor.Open(ctx, kafka, "cursors") // creates or validates the topic
//	if err != nil {
//		return err
//	}
//	defer cursors.Close()
//	spec := reflex.NewSpec(orders.Stream, cursors.For(orders), consumer)
//
// # Guarantees
//
// A cursor never runs ahead of the work: what is stored was set, after its event
// was consumed. Whatever fails here makes events come again and loses none.
//
// GetCursor returns the newest cursor that anybody was told is durable. It reads
// committed records up to the high watermark of the topic as of the call. If a
// transaction of somebody else hides some of that, it waits, and says so if it can't.
//
// SetCursor keeps the cursor in memory; the newest of each consumer is written
// together with those of the others every flush interval, acknowledged by all replicas
// in sync, and never with an older one behind it. A write that fails is kept and
// repeated until a newer cursor replaces it. Unless a repetition mends it before
// anybody asks, the next SetCursor or Flush of that consumer returns the failure, once.
//
// Within an ownership a cursor that is a decimal number never goes back. They are compared
// as numbers of any size. Other cursors have no order: the last wins.
//
// All methods end soon after their context, and after WithTimeout without one, also
// when brokers hang. Close ends within 10 s, and returns what it could not write.
//
// # Ownership
//
// GetCursor takes a consumer over: it counts an epoch one further than the highest in
// the topic, and what the Store then writes carries it. SetCursor of a consumer that was
// never taken over does so first. Two Stores are two owners, in one process too.
//
// Of the records of a cursor the last with the highest epoch counts, so a late write
// of a former owner doesn't. As compaction keeps the last record whatever its epoch,
// the owner that sees such a write behind its own writes its cursor again. An
// owner that sees a record of a higher epoch has lost the consumer: SetCursor returns
// ErrSuperseded, and Flush does if nobody was told yet, until GetCursor takes it back.
// This is also how Reset and Delete reach a consumer that runs: its Run ends, and the next
// goes on from the cursor that the operator set.
//
// # Fencing
//
// By default a process that was superseded may go on for a moment, until it reads
// that it was. Its writes make events come again at worst. With WithFencing, Kafka refuses
// them from the moment that the new owner's GetCursor began to read: ErrFenced. It costs a
// transaction per write, 5 to 70 ms whatever it holds, and a client per consumer, and
// needs it wherever the consumer may run. What consumers do outside of Kafka can't be
// fenced by either.
//
// Where a consumer group hands out the partitions of a topic, WithMemberFencing does it for all of them at once: one
// client a process, and one transaction an interval whatever the number of partitions, which carries the offsets of the
// group too. The group's coordinator refuses it unless the Store's Member is one of the current generation: ErrFenced,
// for all that the transaction was to write. A member that is alive and merely hears late of a new
// generation isn't fenced: its cursors are written under that one, if the partitions are still its own. Cursors of
// anything but a partition of the member are ErrNotMember.
//
// # Non-guarantees
//
// Cursors of the last flush interval are lost with the process, and their events come
// again. Flush at the end of reflex.Run writes them.
//
// Nothing keeps two processes from running a consumer at the same time.
//
// A tombstone is forgotten by Kafka after delete.retention.ms, and the epoch with it.
//
// A cursor in a partition where its key doesn't belong is an error once it was
// read; GetCursor doesn't wait for partitions other than its own.
//
// # Errors
//
// They are *Error, whose kind is one of the Err variables, or that of the context.
// IsPermanent tells those that need somebody to do something.
//
// # The topic
//
// Any Kafka tool reads it: kcat -f '%k %s %h\n' shows
//
//	billing/orders/0 7@Rk3sT1x2Q9ilbZk9Pb1xGg:4 epoch=3,owner=tmglmpui
//
// The key is the consumer, escaped by url.PathEscape, and the topic and partition of the
// events, see Key; without For it is the consumer alone. The value is the cursor. The
// header epoch is the ownership, and owner tells the Stores apart. A record without
// headers counts as of epoch 0. Keys are in the partition where Kafka's own
// producer puts them.
//
// Open creates the topic with cleanup.policy=compact, segments of 32 MiB or 6 hours, so
// that there is little to read at the start, delete.retention.ms of 7 days, no
// unclean leader election, and from 3 replicas on min.insync.replicas=2.
//
// # Concurrency
//
// A Store, leaving it, and what For returns are safe for concurrent use. A Store runs a goroutine that
// writes and, once it was asked for a cursor, one per partition of its topic that
// follows it. Close ends and awaits them.
package kafkacursor
