package tally

import (
	"cmp"
	"slices"
	"time"
)

// Count judges the lives of one consumer, in the order of time, over the
// published events, in the order of their offsets.
//
// Pause is how long the consumer may go between two writes of its cursor: what was
// consumed in that time before a crash may come again, and so may what was
// consumed while the last writes were in flight.
func Count(published []Published, lives []Life, pause time.Duration) Result {
	c := counter{
		published: published,
		seen:      make([]bool, len(published)),
		pause:     pause,
		result:    Result{Published: len(published)},
	}
	for _, life := range lives {
		if len(life.Consumed) > 0 {
			c.live(life)
		}
		c.cursor(life.Cursor)
	}
	for _, seen := range c.seen {
		if !seen {
			c.result.Lost++
		}
	}
	return c.result
}

type counter struct {
	published []Published
	seen      []bool
	pause     time.Duration
	done      int // events before this index were all consumed
	result    Result

	// The life before, if it consumed anything.
	before *Life
	last   int // index of its last event
}

func (c *counter) live(life Life) {
	previous := -1
	for _, consumed := range life.Consumed {
		c.result.Consumed++
		at, published := c.find(consumed.Offset)
		if !published {
			c.result.Unknown++
			continue
		}
		if c.published[at].Sum != consumed.Sum {
			c.result.Altered++
		}
		// A life may begin where any earlier one had been, but not beyond what was
		// consumed; from there on each event has exactly one successor.
		if previous < 0 && at > c.done || previous >= 0 && at != previous+1 {
			c.result.OutOfOrder++
		}
		if previous < 0 {
			c.stop(at)
		}
		previous = at
		c.see(at)
	}
	if previous >= 0 {
		c.before, c.last = &life, previous
	}
}

// stop compares where a life ended with where the next one begins.
func (c *counter) stop(resumed int) {
	if c.before == nil {
		return
	}
	s := Stop{Crashed: c.before.Crashed, Redelivered: max(0, c.last+1-resumed)}
	if c.before.Crashed {
		s.InFlight = c.before.inFlight()
		s.Bound = excused(*c.before, c.pause+s.InFlight)
	}
	if s.Redelivered > 0 {
		s.Age = c.age(c.published[resumed].Offset)
	}
	if s.Redelivered > s.Bound {
		c.result.OverBound++
	}
	c.result.Stops = append(c.result.Stops, s)
}

// excused counts the events of a crashed life that may come again: those of a
// time before its end, whose cursor need not have been durable, and the one in hand.
func excused(life Life, window time.Duration) int {
	from := life.end().Add(-window)
	first, _ := slices.BinarySearchFunc(life.Consumed, from, func(e Consumed, t time.Time) int { return e.At.Compare(t) })
	return min(len(life.Consumed), len(life.Consumed)-first+1)
}

// age is how long before the end of the previous life it consumed the event
// that the next one begins with.
func (c *counter) age(offset int64) time.Duration {
	for _, e := range c.before.Consumed {
		if e.Offset == offset {
			return c.before.end().Sub(e.At)
		}
	}
	return c.before.end().Sub(c.before.Consumed[0].At)
}

func (c *counter) see(at int) {
	if c.seen[at] {
		c.result.Redelivered++
		return
	}
	c.seen[at] = true
	for c.done < len(c.seen) && c.seen[c.done] {
		c.done++
	}
}

// cursor checks that all events up to a stored cursor were consumed by then.
func (c *counter) cursor(offset int64) {
	at, exact := c.find(offset)
	covered := at
	if exact {
		covered++
	}
	if covered > c.done {
		c.result.CursorAhead++
	}
}

// find returns the index of the published event, or where it would be.
func (c *counter) find(offset int64) (int, bool) {
	return slices.BinarySearchFunc(c.published, offset, func(p Published, offset int64) int {
		return cmp.Compare(p.Offset, offset)
	})
}
