package rpatterns

import (
	"slices"
	"sync"
)

// GapSequence finds up to where a sequence is done, of which the values begin in ascending
// order, with gaps, and are done in any order. It is safe for concurrent use, and
// made by NewGapSequence.
//
// It remembers each value behind the first that is not done, without bound: who uses
// it must bound how many are in progress. ConcurrentConsumer and KeyedConsumer do without
// it, as their cursors need not be numbers.
type GapSequence struct {
	// A pointer, as CurrentMax is also called on copies.
	state *gapState
}

type gapState struct {
	mu sync.Mutex
	// doing is ascending. It holds what is in progress, and what is done behind that.
	doing []gapValue
	// early is what was done before it was begun, ascending.
	early []int64

	begun   bool
	highest int64 // the highest that was begun

	moved bool
	max   int64
}

type gapValue struct {
	val  int64
	left int // how often it must yet be done
}

// NewGapSequence returns a GapSequence of which nothing is in progress or done.
func NewGapSequence() *GapSequence {
	return &GapSequence{state: new(gapState)}
}

// Doing notes that val is in progress: the maximum stays below it until it is done. One that is noted
// several times must be done as often.
func (s *GapSequence) Doing(val int64) {
	g := s.state
	g.mu.Lock()
	defer g.mu.Unlock()
	i, found := g.find(val)
	if found {
		g.doing[i].left++
	} else {
		g.doing = slices.Insert(g.doing, i, gapValue{val: val, left: 1})
	}
	if g.begun && val <= g.highest {
		return
	}
	g.begun, g.highest = true, val
	g.takeEarly()
}

// Done notes that val is done. It may come before Doing, if val is above all that Doing was
// called with. Any other val that is not in progress is ignored, as it can't become so
// any more.
func (s *GapSequence) Done(val int64) {
	g := s.state
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.begun || val > g.highest {
		i, _ := slices.BinarySearch(g.early, val)
		g.early = slices.Insert(g.early, i, val)
		return
	}
	g.done(val)
	g.advance()
}

// CurrentMax returns the highest value that is done such that all in progress are above
// it. It never becomes less. It is 0 if there is none, and also if that value is 0: see Max.
func (s GapSequence) CurrentMax() int64 {
	val, _ := s.Max()
	return val
}

// Max returns CurrentMax, and whether there is one.
func (s GapSequence) Max() (int64, bool) {
	g := s.state
	if g == nil {
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.max, g.moved
}

// find returns where val is in doing, or would be.
func (g *gapState) find(val int64) (int, bool) {
	if n := len(g.doing); n == 0 || g.doing[n-1].val < val {
		return n, false // as it is with values that ascend
	}
	return slices.BinarySearchFunc(g.doing, val, func(v gapValue, val int64) int {
		switch {
		case v.val < val:
			return -1
		case v.val > val:
			return 1
		default:
			return 0
		}
	})
}

func (g *gapState) done(val int64) {
	if i, found := g.find(val); found && g.doing[i].left > 0 {
		g.doing[i].left--
	}
}

// takeEarly applies what was done before the highest value was begun. Values below that were skipped:
// if they were kept, each would be kept for ever.
func (g *gapState) takeEarly() {
	var n int
	for n < len(g.early) && g.early[n] <= g.highest {
		g.done(g.early[n])
		n++
	}
	if n > 0 {
		g.early = slices.Delete(g.early, 0, n)
		g.advance()
	}
}

// advance moves the maximum over what is done at the front.
func (g *gapState) advance() {
	for len(g.doing) > 0 && g.doing[0].left == 0 {
		if val := g.doing[0].val; !g.moved || val > g.max {
			g.moved, g.max = true, val
		}
		// The memory in front is left behind when append needs more.
		g.doing = g.doing[1:]
	}
}
