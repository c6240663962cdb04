// Package kafkadeadletter keeps events that consumers could not consume in a compacted Kafka topic, with
// why, until they are replayed or discarded.
//
//	store, err := kafkadeadletter.Open(ctx, kafka, "dead-letters") // creates or validates the topic
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	letters := store.For(orders) // a *kafkastream.Partition
//
// Letters.Insert and Letters.ErrorInsert are what dead-letter consumers call when they give up on an event. Once the
// cause is mended, Letters.Replay hands the events to the consumer again.
//
// # Guarantees
//
// Insert returns nil once all replicas in sync have the letter, and never otherwise: a consumer that goes on then has
// lost nothing. There is one letter for a consumer and an event: written again, as after a crash between the letter and the
// cursor, it replaces itself. A topic that was deleted and created again has other events, and so other letters.
//
// A letter holds the record of the event as its log has it, to the byte: value, key, headers in their order, timestamp. A
// missing value or key is told from an empty one. Where retention was faster, it holds the event instead.
//
// Replay removes a letter only after its event was consumed, in order of the events within their partition. It
// stops at the first that fails, unless told otherwise. It can be stopped and started again at any time, and run beside the
// consumer.
//
// All methods end soon after their context, and if nothing moves for WithTimeout, also when brokers hang. Close is prompt.
//
// # Non-guarantees
//
// The events behind a dead letter were consumed before it is replayed: order holds among letters only.
//
// A letter may be replayed twice, as after a crash before it was removed, or by two replays at a time.
//
// A letter that Insert returned an error for may be written all the same. So may be a removal: one that was not
// acknowledged in time can remove a letter that is written again right after it, by another process.
//
// Letters stay until they are removed: nothing expires. Watch Store.Count.
//
// # Errors
//
// They are *Error, whose kind is one of the Err variables, or that of the context. IsPermanent tells those that need
// somebody to do something. What the log returned is passed on as it is.
//
// # The topic
//
// It has one partition, holds the letters of any number of consumers, and can be read with any Kafka tool: kcat -f '%k %s %h\n'
// shows it all. A letter is a record:
//
//	key                 billing/orders/0/7@Rk3sT1x2Q9ilbZk9Pb1xGg, see Key; without a value there is no letter
//	value               that of the record; empty if it has none, and then dlq.value is null
//	timestamp           when the letter was written
//	headers             those of the record, unchanged, and then those of the letter:
//
//	dlq.v               1
//	dlq.consumer        name of the consumer
//	dlq.topic           topic of the event
//	dlq.topic-id        its ID, as Kafka's tools print it; absent if it isn't known
//	dlq.partition       partition of the event
//	dlq.offset          offset of the event, which is its ID
//	dlq.error           text of the error
//	dlq.error-code      jettison code of the error; one header each, the outermost first
//	dlq.error-type      Go type of the innermost error
//	dlq.error-keys      key-values of the error, as a JSON object of strings
//	dlq.error-stack     stack trace of the error, one call a line
//	dlq.leader-epoch    leader epoch of the record, -1 if it isn't known
//	dlq.timestamp       timestamp of the record in milliseconds
//	dlq.key             key of the record; absent if it has none
//	dlq.value           null, if the record has no value
//	dlq.content         record, or event if the log had lost the record, or none if there was no event either
//	dlq.headers         how many headers at the front are those of the record; the last one of ours
//
// If dlq.content is event, the value is the event's MetaData, dlq.key its ForeignID, and instead of dlq.leader-epoch and dlq.timestamp
// there are dlq.event-type in decimal, absent without one, dlq.event-time as in RFC 3339, and dlq.event-trace.
//
// Readers take the last header of a name, of those behind the record's, and ignore names that they don't know.
//
// Open creates the topic with cleanup.policy=compact, max.message.bytes of 10 MiB, no unclean
// leader election, and from 3 replicas on min.insync.replicas=2.
//
// # Concurrency
//
// Store and Letters are safe for concurrent use. A Store runs no goroutines but those of its client; each call that
// reads has a client of its own, so that nobody waits behind another's fetch.
package kafkadeadletter
