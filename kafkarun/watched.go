package kafkarun

import (
	"time"

	"github.com/kreflex/kreflex/kafkastream"
)

// watched is what is seen of a lane from outside, once a second. It spares the way of an event all looks at the clock.
type watched struct {
	next    int64     // as of the last look
	waiting time.Time // since when there is something to do and next stands still
	hand    int64     // the event that was in hand
	since   time.Time // since when it is

	log   kafkastream.Offsets
	logAt time.Time
}

// look takes notice of where the partition is, and reports whether it is where it was.
func (w *watched) look(p PartitionStatus, now time.Time) (idle bool) {
	todo := p.InHand >= 0 || p.Lag > 0
	switch {
	case !todo:
		w.waiting = time.Time{}
	case w.waiting.IsZero() || p.Next != w.next:
		w.waiting = now
	}
	idle = p.Next == w.next
	w.next = p.Next
	if p.InHand != w.hand || w.since.IsZero() {
		w.hand, w.since = p.InHand, now
	}
	return idle
}

// handSince returns when the event was first seen in hand.
func (w *watched) handSince(offset int64, now time.Time) time.Time {
	if w.hand == offset && !w.since.IsZero() {
		return w.since
	}
	return now
}
