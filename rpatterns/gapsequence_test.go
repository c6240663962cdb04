package rpatterns_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/rpatterns"
)

func TestGapSequence(t *testing.T) {
	for name, test := range map[string]struct {
		doing, done, max []int64
	}{
		"one":                          {doing: []int64{1}, done: []int64{1}, max: []int64{1}},
		"in order":                     {doing: []int64{1, 2, 3}, done: []int64{1, 2, 3}, max: []int64{1, 2, 3}},
		"the first is last":            {doing: []int64{3, 4, 5}, done: []int64{5, 4, 3}, max: []int64{0, 0, 5}},
		"gaps":                         {doing: []int64{3, 100, 101}, done: []int64{3, 101, 100}, max: []int64{3, 3, 101}},
		"a larger one was never begun": {doing: []int64{1}, done: []int64{1, 2}, max: []int64{1, 1}},
		"negative":                     {doing: []int64{-5, -3}, done: []int64{-3, -5}, max: []int64{0, -3}},
		"twice begun is twice done":    {doing: []int64{2, 2}, done: []int64{2, 2}, max: []int64{0, 2}},
		"done more than once":          {doing: []int64{2, 3}, done: []int64{2, 2, 3}, max: []int64{2, 2, 3}},
		"begun in another order":       {doing: []int64{5, 3}, done: []int64{5, 3}, max: []int64{0, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			s := rpatterns.NewGapSequence()
			require.Zero(t, s.CurrentMax())
			for _, val := range test.doing {
				s.Doing(val)
			}
			for i, val := range test.done {
				s.Done(val)
				require.Equal(t, test.max[i], s.CurrentMax(), "after %v", test.done[:i+1])
			}
		})
	}
}

// A value is done that nobody began, below those in progress. It was the least that is done for ever
// after, so nothing that was in progress was found among the done.
func TestGapSequenceIgnoresASmallerValueThatWasNotBegun(t *testing.T) {
	s := rpatterns.NewGapSequence()
	s.Doing(5)
	s.Doing(7)
	s.Done(3)
	s.Done(5)
	require.Equal(t, int64(5), s.CurrentMax())
	s.Done(6)
	s.Done(7)
	require.Equal(t, int64(7), s.CurrentMax())
}

// A value is done before it is begun, as when one goroutine notes both for many.
func TestGapSequenceTakesAValueThatIsDoneBeforeItIsBegun(t *testing.T) {
	s := rpatterns.NewGapSequence()
	s.Done(1)
	s.Done(2)
	s.Done(4)
	require.Zero(t, s.CurrentMax())
	s.Doing(2)
	require.Equal(t, int64(2), s.CurrentMax(), "1 was skipped, 2 is done")
	s.Doing(3)
	s.Doing(4)
	require.Equal(t, int64(2), s.CurrentMax())
	s.Done(3)
	require.Equal(t, int64(4), s.CurrentMax())
}

// 0 is the ID of the first event of a Kafka partition.
func TestGapSequenceKnowsZeroFromNothing(t *testing.T) {
	s := rpatterns.NewGapSequence()
	_, ok := s.Max()
	require.False(t, ok)

	s.Doing(0)
	s.Done(0)
	val, ok := s.Max()
	require.True(t, ok)
	require.Zero(t, val)
	require.Zero(t, rpatterns.GapSequence{}.CurrentMax())
}

// Values that begin again below the maximum, as after a restart, don't take it back.
func TestGapSequenceNeverGoesBack(t *testing.T) {
	s := rpatterns.NewGapSequence()
	s.Doing(5)
	s.Done(5)
	s.Doing(3)
	s.Done(3)
	require.Equal(t, int64(5), s.CurrentMax())
}

// CurrentMax is a method of the value, so it may be called on a copy.
func TestGapSequenceIsSafeForConcurrentUse(t *testing.T) {
	const n = 1000
	s := rpatterns.NewGapSequence()
	for i := int64(1); i <= n; i++ {
		s.Doing(i)
	}
	var group sync.WaitGroup
	for worker := range int64(4) {
		group.Go(func() {
			var last int64
			for i := worker + 1; i <= n; i += 4 {
				s.Done(i)
				now := (*s).CurrentMax()
				if now < last {
					t.Errorf("%d after %d", now, last)
				}
				last = now
			}
		})
	}
	group.Wait()
	require.Equal(t, int64(n), s.CurrentMax())
}

// The maximum is what a look at everything that was ever begun says.
func TestGapSequenceIsWhatALookAtAllValuesSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rpatterns.NewGapSequence()
		var (
			begun []int64 // ascending
			done  = make(map[int64]bool)
		)
		t.Repeat(map[string]func(*rapid.T){
			"doing": func(t *rapid.T) {
				val := rapid.Int64Range(0, 3).Draw(t, "step")
				if len(begun) > 0 {
					val += begun[len(begun)-1] + 1
				}
				begun = append(begun, val)
				s.Doing(val)
			},
			"done": func(t *rapid.T) {
				val := rapid.Int64Range(-2, int64(4*len(begun)+3)).Draw(t, "value")
				// Done before it is begun only counts if it is above all that are.
				if slices.Contains(begun, val) || len(begun) == 0 || val > begun[len(begun)-1] {
					done[val] = true
				}
				s.Done(val)
			},
			"": func(t *rapid.T) {
				var (
					want int64
					any  bool
				)
				for _, val := range begun {
					if !done[val] {
						break
					}
					want, any = val, true
				}
				got, ok := s.Max()
				require.Equal(t, any, ok)
				require.Equal(t, want, got)
			},
		})
	})
}
