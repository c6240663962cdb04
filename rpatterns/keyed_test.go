package rpatterns_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// eventsOf returns a log of n events with the keys that key gives them.
func eventsOf(n int, key func(i int) string) *fakeLog {
	log := newFakeLog()
	for i := range n {
		log.appendEvents(&reflex.Event{ID: strconv.Itoa(i), ForeignID: key(i), Type: fakeType(1), Timestamp: time.Now()})
	}
	return log
}

func cursorOf(tb testing.TB, store reflex.CursorStore) string {
	tb.Helper()
	cursor, err := store.GetCursor(tb.Context(), "test")
	require.NoError(tb, err)
	return cursor
}

func napFor(d time.Duration) handler {
	return func(ctx context.Context, _ *reflex.Event) error { return sleepFor(ctx, d) }
}

// With even keys n workers take the n-th part of the time.
func TestKeyedSpeedUpIsLinear(t *testing.T) {
	for _, limit := range []int{1, 2, 16, 64} {
		synctest.Test(t, func(t *testing.T) {
			c := rpatterns.NewKeyedConsumer(newFakeStore(), napFor(time.Millisecond), nil, limit)
			log := eventsOf(6400, func(i int) string { return strconv.Itoa(i % 1000) })
			start := time.Now()
			err := reflex.Run(t.Context(), rpatterns.NewKeyedSpec(log.stream, c, reflex.WithStreamToHead()))
			require.ErrorIs(t, err, reflex.ErrHeadReached)
			require.Less(t, time.Since(start), time.Duration(6400/limit+20)*time.Millisecond)
		})
	}
}

// Each second event is of one key: those take as long as they must, and the others are done beside them. A
// queue per worker, or one that hands out new keys first, would take longer.
func TestKeyedSpeedUpOfABusyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rpatterns.NewKeyedConsumer(newFakeStore(), napFor(time.Millisecond), nil, 4, rpatterns.WithKeyedWindow(400))
		log := eventsOf(2000, func(i int) string {
			if i%2 == 0 {
				return "busy"
			}
			return strconv.Itoa(i)
		})
		start := time.Now()
		err := reflex.Run(t.Context(), rpatterns.NewKeyedSpec(log.stream, c, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.Less(t, time.Since(start), 1020*time.Millisecond)
	})
}

// What may be handled is handled in the order of the stream, so the cursor gets as far as it can.
func TestKeyedOldestEventIsHandledFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		c := rpatterns.NewKeyedConsumer(newFakeStore(), handler(func(ctx context.Context, e *reflex.Event) error {
			handled = append(handled, e.ID)
			return sleepFor(ctx, time.Millisecond)
		}), nil, 1)
		log := eventsOf(20, func(i int) string { return []string{"a", "a", "b", "c", "a", "b", "b"}[i%7] })
		err := reflex.Run(t.Context(), rpatterns.NewKeyedSpec(log.stream, c, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.Equal(t, numbers(0, 19), handled)
	})
}

// One event takes its time. The others go on until the window is full, and no further: also those that were
// not yet read when the window was full for the first time.
func TestKeyedEventThatIsSlowHoldsUpNobodyWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 64
		var done atomic.Int64
		store := newFakeStore()
		c := rpatterns.NewKeyedConsumer(store, handler(func(ctx context.Context, e *reflex.Event) error {
			d := time.Millisecond
			if e.ID == "10" {
				d = time.Minute
			}
			defer done.Add(1)
			return sleepFor(ctx, d)
		}), nil, 4, rpatterns.WithKeyedWindow(window))
		log := eventsOf(1000, strconv.Itoa)
		cancel, result := startRun(t, rpatterns.NewKeyedSpec(log.stream, c))
		require.NoError(t, sleepFor(t.Context(), 30*time.Second))
		require.Equal(t, int64(10+window-1), done.Load())
		require.Equal(t, "9", cursorOf(t, store))

		require.NoError(t, sleepFor(t.Context(), 40*time.Second))
		require.Equal(t, int64(1000), done.Load())
		cancel()
		require.EqualError(t, <-result, "recv error: context canceled")
		require.Equal(t, "999", store.durable())
	})
}

func TestKeyedByAnyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(key func(*reflex.Event) string) time.Duration {
			c := rpatterns.NewKeyedConsumer(newFakeStore(), napFor(time.Second), key, 100)
			log := eventsOf(12, func(i int) string { return strconv.Itoa(i % 4) })
			start := time.Now()
			err := reflex.Run(t.Context(), rpatterns.NewKeyedSpec(log.stream, c, reflex.WithStreamToHead()))
			require.ErrorIs(t, err, reflex.ErrHeadReached)
			return time.Since(start)
		}
		require.Equal(t, 3*time.Second, run(nil), "by foreign ID")
		require.Equal(t, time.Second, run(func(e *reflex.Event) string { return e.ID }))
		require.Equal(t, 12*time.Second, run(func(*reflex.Event) string { return "" }), "the empty key is one")
	})
}

// A key function is code of the user, in Run's goroutine.
func TestKeyedPanicOfTheKeyIsAnErrorOfTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rpatterns.NewKeyedConsumer(newFakeStore(), handler(noop), func(*reflex.Event) string { panic("key") }, 4)
		err := reflex.Run(t.Context(), rpatterns.NewKeyedSpec(newFakeLog("1").stream, c))
		var panicked *reflex.PanicError
		require.ErrorAs(t, err, &panicked)
		require.Equal(t, "key", panicked.Value)
	})
}

// Metrics, filters and recovery are those of the consumer inside.
func TestKeyedEventsAreMeteredAndFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		var handled atomic.Int64
		inner := reflex.NewConsumer("metered", func(context.Context, *reflex.Event) error {
			handled.Add(1)
			return nil
		}, reflex.WithConsumerRegisterer(registry), reflex.WithEventFilter(func(e *reflex.Event) (bool, error) {
			return e.IDInt()%2 == 0, nil
		}))
		store := newFakeStore()
		spec := rpatterns.NewKeyedSpec(eventsOf(100, strconv.Itoa).stream, rpatterns.NewKeyedConsumer(store, inner, nil, 8), reflex.WithStreamToHead())
		require.ErrorIs(t, reflex.Run(t.Context(), spec), reflex.ErrHeadReached)
		require.Equal(t, int64(50), handled.Load())
		require.Equal(t, "99", store.durable(), "what is filtered moves the cursor")
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == "reflex_consumer_latency_seconds" {
				require.Equal(t, uint64(100), family.GetMetric()[0].GetHistogram().GetSampleCount())
			}
		}
		skipped, err := testutil.GatherAndCount(registry, "reflex_consumer_skipped_events_count", "reflex_consumer_lag_seconds")
		require.NoError(t, err)
		require.Equal(t, 2, skipped)
		require.NoError(t, spec.Stop())
		left, err := testutil.GatherAndCount(registry, "reflex_consumer_lag_seconds")
		require.NoError(t, err)
		require.Zero(t, left)
	})
}

// A handler may be faster than a hand-over: nothing is allocated for it, and no goroutine is started.
func TestKeyedAllocatesNothingPerEvent(t *testing.T) {
	const n = 100_000
	stream := benchStream(n)
	allocs := testing.AllocsPerRun(1, func() {
		err := reflex.Run(t.Context(), keyedSpec(noop, 64)(stream))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
	})
	require.Less(t, allocs/n, 0.1)
	t.Logf("%.4f allocations per event", allocs/n)
}
