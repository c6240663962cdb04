// Package lunoreflex lets luno/reflex and kreflex work with each other, in one program and
// without a change to what is written for either.
//
// In one direction, consumers written for luno/reflex read a Kafka partition, and keep their cursors
// in a Kafka topic. They stay as they are, down to their imports; only what they are
// given is another StreamFunc and another CursorStore:
//
//	spec := reflex.NewSpec(                            // luno/reflex
//		lunoreflex.ToLunoStream(orders.Stream),            // a kafkastream.Partition
//		lunoreflex.ToLunoCursors(cursors.For(orders)),     // a kafkacursor.Store
//		consumer)
//
// In the other direction, consumers of kreflex read what luno/reflex has: an rsql events table with its
// cursors table, a gRPC stream, a bucket of rblob.
//
// To… takes what is kreflex's and returns what is luno/reflex's, From… the other way round.
//
// # Guarantees
//
// Events are copied field by field, with their metadata and traces, so neither side sees what the
// other does to an event. Metadata that is nil stays nil, and what is empty
// stays empty. The type of an event is handed on as it is: it has its number, and whatever else
// it could do.
//
// Options of a stream mean the same on both sides, also if one option function sets several.
//
// Errors are handed on as they are. Both libraries know an error by its code, so IsStoppedErr,
// IsHeadReachedErr, IsFilterErr and errors.Is of jettison find in it what they would have found on the other
// side, and errors of contexts are what they were.
//
// A stream that can be closed can be closed through the bridge, and one that can't has no
// Close. Reset and Stop of consumers are handed on. The bridge starts no goroutines and
// buffers nothing.
//
// # Non-guarantees
//
// The bridge mends nothing. What is run by luno/reflex behaves like luno/reflex: MIGRATION.md of kreflex
// says where that differs. What to know of it on Kafka:
//
//   - The first event of a partition has the ID 0. The ConcurrentConsumer of luno/reflex takes 0 for "nothing done
//     yet", so it sets its first cursor with the event after it.
//   - testmock.AwaitConsumer of luno/reflex reads cursors as integers. That is what cursors of an unbound kafkacursor.Store
//     are; those of Store.For also say which log they belong to. Both work for all else.
//   - StreamFromHead of rsql finds the head when Recv is called first, and not when the stream is opened. What is inserted
//     between the two is skipped, by kreflex's Run too.
//   - The dead-letter consumer of luno/reflex calls its function with the ID of the event first, and the name of the
//     consumer second.
//   - Events that rsql's cache gives to several consumers of luno/reflex are one and the same. On Kafka each has its own.
//
// The cursors of an rsql events table are not those of a Kafka partition, whatever bridge they
// go over. Package migrate moves them.
//
// # Errors
//
// ErrNil and ErrNoClient are the bridge's own; a stream that returns neither an event nor an error
// ends with reflex.ErrNoEvent.
//
// # Concurrency
//
// Each function is safe for concurrent use, and what it returns is as safe as what it was given.
//
// # Metrics and protobuf
//
// luno/reflex registers its metrics and its protobuf file while the program is loaded. The file of kreflex has another name
// there; on the wire both are the same, so a gRPC client of either library works with a server of the other. The metrics
// of kreflex are registered with the first consumer of a registry, beside the others. Where both have a consumer of one
// name, histograms and counters count what both do, and the gauges are luno/reflex's.
//
// luno/reflex must be a part of the program from its start: loaded later, by a plugin, it would find its names taken
// and end the program.
package lunoreflex
