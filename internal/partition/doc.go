// Package partition reads one partition of one topic exactly: it knows its
// position over markers, aborted and compacted data, and never clamps or skips.
//
// It asks the partition's leader with fetch requests of its own instead of polling
// a kgo consumer, which hides the position, and where the position is not what it was
// told, moves it.
//
// # Guarantees
//
// A Reader returns committed records in the order of their offsets. Its position
// never passes a record that it hasn't returned. What is missing between two
// records is gone by compaction, was aborted, or is a marker; anything else is a
// Fault and nothing is returned after it.
//
// Faults that pass (a leader that moves, a broker that restarts, a connection
// that breaks) are retried with growing pauses until the context is done.
// Faults that don't are returned once it is sure that they don't.
//
// # Non-guarantees
//
// Where the cluster has no topic IDs (before Kafka 2.8) a topic that was deleted and
// created again is noticed by its leader epoch or its range only.
//
// # Errors
//
// A *Fault says what is wrong with the partition, its Kind what that asks for. A
// *GaveUp is the error of the context, together with what was in the way
// until then.
//
// # Concurrency
//
// Describe and the other functions are safe for concurrent use. A Reader is for
// one goroutine, and its client for one Reader: the broker answers one fetch at a
// time on a connection, so others would wait behind a long poll.
package partition
