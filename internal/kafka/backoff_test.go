package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPauseNeverSpinsNorSleepsLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attempt := rapid.IntRange(1, 1<<30).Draw(t, "attempt")
		random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		p := pause(attempt, random)
		require.GreaterOrEqual(t, p, minPause/2)
		require.LessOrEqual(t, p, maxPause)
		require.GreaterOrEqual(t, pause(attempt+1, random), p, "it doesn't shrink")
	})
	require.Equal(t, maxPause/2, pause(100, 0))
}

func TestBackoffGrowsAndStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Backoff
		elapsed := func() time.Duration {
			began := time.Now()
			require.NoError(t, b.Wait(t.Context()))
			return time.Since(began)
		}
		require.LessOrEqual(t, elapsed(), minPause)
		for range 10 {
			elapsed()
		}
		require.GreaterOrEqual(t, elapsed(), maxPause/2)
		b.Reset()
		require.LessOrEqual(t, elapsed(), minPause)
	})
}

func TestBackoffObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{attempts: 100}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, b.Wait(ctx), context.DeadlineExceeded)
		require.Equal(t, time.Millisecond, time.Since(began))
	})
}
