// Package rpatterns holds patterns on top of the reflex API. It knows nothing
// of any event source or storage: what is written here works with all of them.
//
// Today that is MemCursorStore, a cursor store that lives and dies with the
// process: for tests, for consumers that start at the head each time, and for
// streams that are cheap to read again from the start.
//
// # Guarantees
//
// A cursor set is returned by every later GetCursor, without a Flush between.
//
// # Non-guarantees
//
// Nothing survives the process. A cursor may be set to an older one, as the
// store doesn't know what order cursors have: where two instances of one
// consumer must not mislead each other, use a store that fences.
//
// # Errors
//
// None: no method returns an error, also not for a context that is done, since
// none of them waits. A cursor set for work that was finished just before a
// shutdown is therefore kept.
//
// # Concurrency
//
// A store is safe for concurrent use.
package rpatterns
