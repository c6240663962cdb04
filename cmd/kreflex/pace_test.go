package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPaceHoldsToItsRateOnTheAverage(t *testing.T) {
	for _, perSecond := range []float64{0.5, 10, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			const turns = 1_000
			p := pace{perSecond: perSecond}
			began := time.Now()
			for range turns + 1 {
				require.NoError(t, p.wait(t.Context()))
			}
			want := time.Duration(turns / perSecond * float64(time.Second))
			require.InDelta(t, want, time.Since(began), float64(sleepAtLeast))
		})
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := pace{perSecond: 0.001}
		require.NoError(t, p.wait(ctx))
		require.ErrorIs(t, p.wait(ctx), context.DeadlineExceeded)
	})
}

func TestPaceWithoutRateNeverWaits(t *testing.T) {
	p := pace{}
	for range 1_000 {
		require.NoError(t, p.wait(t.Context()))
	}
	require.Zero(t, p.began)
}

func TestEveryCallsUntilItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		stop := every(t.Context(), time.Second, func(context.Context) error { calls++; return nil })
		time.Sleep(3500 * time.Millisecond)
		require.NoError(t, stop())
		require.Equal(t, 3, calls)
	})
}

func TestEveryEndsACallInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := every(t.Context(), time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Wrap(ctx.Err(), "ask")
		})
		time.Sleep(time.Minute)
		require.NoError(t, stop(), "it was asked to stop")
	})
}

func TestEveryReturnsTheFirstFailure(t *testing.T) {
	failure := errors.New("no cursor", j.C("ERR_00000000000000f1"))
	synctest.Test(t, func(t *testing.T) {
		stop := every(t.Context(), time.Second, func(context.Context) error { return failure })
		time.Sleep(time.Minute)
		require.ErrorIs(t, stop(), failure)
	})
}

// The kills must spread over the stream: a worker that reached its head before
// it was killed would prove nothing.
func TestNoLifeReachesTheHeadBeforeItsKill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left := rapid.Float64Range(100, 1e8).Draw(t, "left")
		for killsLeft := rapid.IntRange(1, 200).Draw(t, "kills"); killsLeft > 0 && left > 10; killsLeft-- {
			rate := spreadRate(left, killsLeft)
			lifespan := rapid.Int64Range(int64(shortestLife), int64(longestLife)).Draw(t, "lifespan")
			left -= rate * time.Duration(lifespan).Seconds()
			require.Positive(t, left)
		}
	})
}
