package partition

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However well records are compressed, once one answer was seen the next ones
// of the same kind take no more memory than the target, unless they can't be
// made smaller.
func TestAnswersStayNearTheTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int32Range(1<<10, 100<<20).Draw(t, "limit")
		target := rapid.IntRange(1<<20, 16<<20).Draw(t, "target")
		ratio := rapid.Float64Range(0.5, 1000).Draw(t, "ratio")
		recordSize := rapid.IntRange(1, 10_000).Draw(t, "record size")
		s := newSizing(limit, target)
		require.LessOrEqual(t, s.ask, limit)
		for range 20 {
			compressed := int(s.ask)
			bytes := int(float64(compressed) * ratio)
			records := bytes / recordSize
			s.observe(compressed, bytes, records)
			require.LessOrEqual(t, s.ask, limit)
			require.Positive(t, s.ask)
			next := float64(s.ask) * ratio * (1 + recordCost/float64(recordSize))
			if s.ask > min(minAsk, limit) {
				require.LessOrEqual(t, next, 1.1*float64(target))
			}
		}
		// And it doesn't stay needlessly small.
		settled := s.ask
		most := min(float64(limit), float64(target)/(ratio*(1+recordCost/float64(recordSize))))
		require.GreaterOrEqual(t, float64(settled), 0.9*min(most, 8<<20))
	})
}

func TestPlainRecordsAreFetchedInMegabytes(t *testing.T) {
	s := newSizing(4<<20, 8<<20)
	require.Equal(t, int32(firstAsk), s.ask)
	for range 8 {
		s.observe(int(s.ask), int(s.ask), int(s.ask)/110)
	}
	require.Greater(t, s.ask, int32(3<<20))
}

func TestSizeIsFixedWithoutTarget(t *testing.T) {
	s := newSizing(2<<20, 0)
	s.observe(1, 100<<20, 1)
	require.Equal(t, int32(2<<20), s.ask)
}

func TestAnEmptyAnswerTeachesNothing(t *testing.T) {
	s := newSizing(2<<20, 1<<20)
	before := s
	s.observe(0, 0, 0)
	require.Equal(t, before, s)
}
