// Package kafkarun runs one consumer over all partitions of a topic, in one process or shared among many.
//
//	runner, err := kafkarun.New(kafka, "orders", cursors, func(p kafkarun.Part) reflex.Spec {
//		return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer("billing", logic))
//	}, kafkarun.WithGroup("billing"))
//	if err != nil {
//		return err
//	}
//	return runner.Run(ctx)
//
// # Guarantees
//
// Each partition is a reflex.Run of its own, with a cursor of its own under consumer, topic and partition. A consumer
// may be moved between a Runner with a group, one without, and a plain Run over a partition, without migration: all use the same cursors.
//
// A partition that fails is run again by itself, with a pause that grows; the others go on, and the membership of the group
// is not harmed. One that somebody has to do something about, such as an expired cursor, is parked: Status
// shows it with what to do, and once that is done it goes on by itself. So does one whose cursor an operator sets with
// Reset, at once, also when it is idle.
//
// A partition that is taken away is let go of in order: nothing more is taken in hand, the event in hand is finished within the drain time
// with a live context, its cursor is written, and only then does the group hand it to the next owner. Nothing is
// repeated by that. One that was lost, as the session ran out, is ended at once, and its cursor is not moved any more.
//
// In one process two owners of a partition are never at work at once, even if the logic of the first ignores its
// context.
//
// A new partition begins at its start, whenever it is noticed.
//
// # Groups
//
// The group only says who has which partition. Nothing is read back from its committed offsets, so they may be lost,
// reset or expired without harm: where a partition goes on its cursor says.
//
// The member commits them all the same, the next offset to consume of each partition, so that kafka-consumer-groups, Burrow and
// the like show the true lag. Behind the last event it is the end of the log, also if that ends with markers of
// transactions, so that a lag of 0 is shown as 0. Without a group WithMirrorGroup does the same in one that nobody is a member of.
//
// With a store that is fenced by the group (kafkacursor.WithMemberFencing) the cursors and the offsets of all partitions of a process
// are one transaction an interval, which the coordinator refuses from who is no member.
//
// By default a former owner can do no harm to a cursor: what it writes late counts for nothing, see kafkacursor. A process that was frozen for longer than its session
// takes no further event in hand when it wakes up until the coordinator says that it still is a member. The few events that it had taken in hand
// are done twice. For KIP-848 give kgo.SessionTimeout what the brokers have, if that is not 45 s: they don't tell.
//
// # Non-guarantees
//
// What logic does outside of Kafka can't be taken back: an owner that was frozen in the middle of an event finishes it.
//
// Order holds within a partition. When partitions are added, keys move to others, and so order per
// key is lost across that moment.
//
// A static member (kgo.InstanceID) that stops doesn't leave: its partitions wait for it until the session runs out.
//
// # Status
//
// Status is a snapshot of each partition: what is done with it, where it is, how far behind in events and in time, what is in hand since when, and
// what it failed with. It stays true while a partition is stuck, as the ends of the logs are asked for by themselves. Health serves
// it over HTTP and tells slow from stuck; a Runner is a prometheus.Collector of the same.
//
// # Errors
//
// Run ends with the error of its context, or with an *Error when the group refuses the member for good. What partitions fail with
// is in their status, and logged with jettison's log.
//
// # Concurrency
//
// Methods are safe for concurrent use. Beside those of each partition's stream a Runner has a goroutine a partition, and four of its own;
// Run ends and awaits them, except for logic that doesn't return for the drain time and 5 s: that is ErrNotReleased.
package kafkarun
