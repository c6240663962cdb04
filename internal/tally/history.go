package tally

import "time"

// Published is an event that the broker acknowledged.
type Published struct {
	Offset int64
	Sum    uint64 // of its content, see Sum
}

// Consumed is an event that the logic of a consumer was done with, but whose
// cursor was not yet set.
type Consumed struct {
	Offset int64
	Sum    uint64
	At     time.Time // when; only differences count
}

// NoCursor is the cursor of a consumer that stored none.
const NoCursor = -1

// Life is one run of a consumer.
type Life struct {
	// Consumed is what it did, in that order.
	Consumed []Consumed
	// Crashed is false for a life that was stopped, or reached the head of the
	// stream: nothing of it may be repeated.
	Crashed bool
	// Ended is when it was killed or stopped. Zero is when it did the last thing.
	Ended time.Time
	// Cursor is the offset that was stored when the life was over, or NoCursor.
	Cursor int64
	// Writes are those of the cursor, in that order. None overlaps another.
	Writes []Write
}

// Write is one attempt to store a cursor.
type Write struct {
	Began time.Time
	Ended time.Time // when it was acknowledged; zero is never
}

// end returns when the life was over.
func (l Life) end() time.Time {
	if l.Ended.IsZero() {
		return l.Consumed[len(l.Consumed)-1].At
	}
	return l.Ended
}

// AddWrite adds a write to those of a life when it began, and again when it was
// acknowledged, which takes the place of its beginning.
func AddWrite(writes []Write, w Write) []Write {
	if n := len(writes); n > 0 && !w.Ended.IsZero() && writes[n-1].Began.Equal(w.Began) {
		writes[n-1] = w
		return writes
	}
	return append(writes, w)
}

// inFlight is how long the writes took that decide what was durable at the end:
// the last one that was acknowledged, whose cursor is from when it began, and
// those after it.
func (l Life) inFlight() time.Duration {
	for i := len(l.Writes) - 1; i >= 0; i-- {
		if acknowledged := l.Writes[i]; !acknowledged.Ended.IsZero() {
			return acknowledged.Ended.Sub(acknowledged.Began) + l.since(i+1)
		}
	}
	return l.since(0)
}

// since is the time from a write to the end of the life, or 0 if there was none.
func (l Life) since(write int) time.Duration {
	if write >= len(l.Writes) {
		return 0
	}
	return max(0, l.end().Sub(l.Writes[write].Began))
}
