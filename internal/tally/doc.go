// Package tally judges what a consumer did with a stream: whether each event
// that was published reached it, in order, as often as crashes excuse, and
// whether its stored cursor ever ran ahead of its work.
//
// The judge is a pure function, [Count], of what was published and of the lives
// of the consumer. A [Life] is one run of it, from the cursor that was stored to
// a stop or a crash. A consumer that is to be killed writes what it did to a
// [Journal], which survives it.
//
// # Guarantees
//
// An event missing from every life, moved, altered or made up is reported, and
// so is a cursor beyond the first event that was not consumed.
//
// # Non-guarantees
//
// Two events whose content has the same 64-bit sum are not told apart. A
// journal survives the death of its process, not that of the machine.
//
// # Concurrency
//
// Count works on values. A Journal says of each of its methods.
package tally
