// Package topics opens a topic that a room keeps its state in: it creates the topic, or says what the one
// that is there is like.
//
// # Guarantees
//
// An existing topic is never changed. A topic that others create at the same moment is no error. Errors
// that pass are retried until the context is done.
//
// # Errors
//
// A *StepError says which step met what; a *partition.GaveUp or the error of the context says that it took too
// long. What they mean to the user the room has to say.
//
// # Concurrency
//
// Open is safe for concurrent use.
package topics
