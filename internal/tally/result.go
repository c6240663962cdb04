package tally

import (
	"fmt"
	"slices"
	"time"
)

// Result is what Count found.
type Result struct {
	Published   int
	Consumed    int // each time counts
	Redelivered int // consumed again
	Lost        int // never consumed
	OutOfOrder  int // not the successor of the event before it
	Altered     int // consumed with another content than published
	Unknown     int // consumed, but not published
	CursorAhead int // times that a cursor covered an event that was not consumed
	OverBound   int // stops after which more came again than is excused

	Stops []Stop // between the lives that consumed anything
}

// Stop is the end of a life, seen from where the next one resumed.
type Stop struct {
	Crashed     bool
	Redelivered int // events of the life that came again
	// Bound is how many may: none after a clean stop. After a crash those that were
	// consumed in the pause between two writes of the cursor and while the last
	// writes were in flight, and one in hand.
	Bound    int
	InFlight time.Duration // how long those writes took
	Age      time.Duration // of the oldest one that came again, at the end of the life
}

// OK reports whether all promises were kept.
func (r Result) OK() bool { return len(r.Violations()) == 0 }

// Violations says which promises were broken, for people; none is nil.
func (r Result) Violations() []string {
	var broken []string
	for _, check := range []struct {
		count int
		what  string
	}{
		{r.Lost, "lost: published but never consumed"},
		{r.OutOfOrder, "out of order: not the successor of the event before"},
		{r.Altered, "altered: not what was published"},
		{r.Unknown, "unknown: consumed but never published"},
		{r.CursorAhead, "cursor ahead: stored for events that were not consumed"},
		{r.OverBound, "over the bound: more came again after a stop than may"},
	} {
		if check.count > 0 {
			broken = append(broken, fmt.Sprintf("%d %s", check.count, check.what))
		}
	}
	return broken
}

// Crashes counts the stops that were crashes.
func (r Result) Crashes() int { return len(r.crashes()) }

// Spread is the least, the middle and the most of a number.
type Spread struct{ Min, Median, Max int }

// RedeliveredPerCrash is zero without crashes.
func (r Result) RedeliveredPerCrash() Spread {
	return spread(r.crashes(), func(s Stop) int { return s.Redelivered })
}

// BoundPerCrash is what RedeliveredPerCrash is held against, crash by crash.
func (r Result) BoundPerCrash() Spread {
	return spread(r.crashes(), func(s Stop) int { return s.Bound })
}

// OldestRedelivered is the greatest age over all stops.
func (r Result) OldestRedelivered() time.Duration {
	return r.longest(func(s Stop) time.Duration { return s.Age })
}

// LongestInFlight is the greatest time in flight over all stops.
func (r Result) LongestInFlight() time.Duration {
	return r.longest(func(s Stop) time.Duration { return s.InFlight })
}

func (r Result) longest(of func(Stop) time.Duration) time.Duration {
	var longest time.Duration
	for _, s := range r.Stops {
		longest = max(longest, of(s))
	}
	return longest
}

func (r Result) crashes() []Stop {
	return slices.DeleteFunc(slices.Clone(r.Stops), func(s Stop) bool { return !s.Crashed })
}

func spread(stops []Stop, of func(Stop) int) Spread {
	if len(stops) == 0 {
		return Spread{}
	}
	numbers := make([]int, len(stops))
	for i, s := range stops {
		numbers[i] = of(s)
	}
	slices.Sort(numbers)
	return Spread{Min: numbers[0], Median: numbers[len(numbers)/2], Max: numbers[len(numbers)-1]}
}
