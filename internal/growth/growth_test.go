package growth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPausesDouble(t *testing.T) {
	g := New(100*time.Millisecond, time.Second, time.Second, time.Minute)
	var got []time.Duration
	for failures := 1; failures <= 6; failures++ {
		got = append(got, g.Pause(failures, 0.5))
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1000 * ms, 1000 * ms}, got)
}

func TestPausesAreSpread(t *testing.T) {
	g := New(time.Second, time.Minute, 0, 0)
	require.Equal(t, 800*time.Millisecond, g.Pause(1, 0))
	require.Equal(t, 1200*time.Millisecond, g.Pause(1, 1))
	// Those that have failed for long are many, and spread most of all.
	require.Equal(t, 48*time.Second, g.Pause(100, 0))
	require.Equal(t, time.Minute, g.Pause(100, 0.9))
}

// A number of failures that overflows every integer, or a mistaken one, must not
// become a pause that spins or never ends.
func TestPausesHaveBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		initial := time.Duration(rapid.Int64().Draw(t, "initial"))
		longest := time.Duration(rapid.Int64().Draw(t, "longest"))
		g := New(initial, longest, time.Second, time.Minute)
		failures := rapid.Int().Draw(t, "failures")
		random := rapid.Float64Range(0, 1).Draw(t, "random")

		got := g.Pause(failures, random)

		least := time.Duration(float64(min(g.Initial, g.Longest)) * 0.79)
		require.GreaterOrEqual(t, got, least)
		require.LessOrEqual(t, got, g.Longest)
		require.LessOrEqual(t, g.Pause(failures, random/2), got)
	})
}

func TestBackoffWithoutValuesHasDefaults(t *testing.T) {
	require.Equal(t, Plan{Initial: time.Second, Longest: time.Minute}, New(0, -1, time.Second, time.Minute))
	// The first pause counts: somebody asked for it.
	require.Equal(t, Plan{Initial: time.Hour, Longest: time.Hour}, New(time.Hour, 0, time.Second, time.Minute))
}
