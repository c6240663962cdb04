package reflex_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func TestMetricsAsExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		consumer, registry := newConsumer(t, func(_ context.Context, e *reflex.Event) error {
			pass(2 * time.Second)
			if e.ID == "2" {
				return errDone
			}
			return nil
		}, reflex.WithEventFilter(func(e *reflex.Event) (bool, error) { return e.ID != "3", nil }))
		for id := range 3 {
			e := event(id + 1)
			e.Timestamp = time.Now().Add(-time.Minute)
			_ = consumer.Consume(t.Context(), e)
		}
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP reflex_consumer_active Whether or not the consumer was active (consumed an event) in the activity ttl period
# TYPE reflex_consumer_active gauge
reflex_consumer_active{consumer_name="test"} 1
# HELP reflex_consumer_error_count Number of errors processing events
# TYPE reflex_consumer_error_count counter
reflex_consumer_error_count{consumer_name="test"} 1
# HELP reflex_consumer_event_age_seconds The age of events that are being processed by the consumer
# TYPE reflex_consumer_event_age_seconds histogram
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="0.1"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="0.5"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="1"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="5"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="10"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="50"} 0
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="100"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="500"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="1000"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="10000"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="50000"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="100000"} 3
reflex_consumer_event_age_seconds_bucket{consumer_name="test",le="+Inf"} 3
reflex_consumer_event_age_seconds_sum{consumer_name="test"} 180
reflex_consumer_event_age_seconds_count{consumer_name="test"} 3
# HELP reflex_consumer_lag_alert Whether or not the consumer lag crosses its alert threshold
# TYPE reflex_consumer_lag_alert gauge
reflex_consumer_lag_alert{consumer_name="test"} 0
# HELP reflex_consumer_lag_seconds Lag between now and the current event timestamp in seconds
# TYPE reflex_consumer_lag_seconds gauge
reflex_consumer_lag_seconds{consumer_name="test"} 60
# HELP reflex_consumer_latency_seconds Event loop latency in seconds
# TYPE reflex_consumer_latency_seconds histogram
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="0.01"} 1
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="0.1"} 1
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="1"} 1
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="5"} 3
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="10"} 3
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="60"} 3
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="300"} 3
reflex_consumer_latency_seconds_bucket{consumer_name="test",le="+Inf"} 3
reflex_consumer_latency_seconds_sum{consumer_name="test"} 4
reflex_consumer_latency_seconds_count{consumer_name="test"} 3
# HELP reflex_consumer_skipped_events_count Number of events skipped by consumer
# TYPE reflex_consumer_skipped_events_count counter
reflex_consumer_skipped_events_count{consumer_name="test"} 1
`)))
	})
}

// A consumer stuck on one event reported the lag that this event had when it came
// first, so its alert never fired. Each try counts as activity on top of that.
func TestLagOfAStuckConsumerGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := true
		var registry *prometheus.Registry
		consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error {
			pass(30 * time.Second)
			requireLag(t, registry, 40, 0)
			pass(30 * time.Second)
			requireLag(t, registry, 70, 1)
			if fail {
				return errDone
			}
			return nil
		}, reflex.WithConsumerLagAlert(time.Minute))
		requireLag(t, registry, 0, 0)

		e := event(1)
		e.Timestamp = time.Now().Add(-10 * time.Second)
		require.Error(t, consumer.Consume(t.Context(), e))
		pass(time.Hour)
		requireLag(t, registry, 3670, 1)

		fail = false
		e.Timestamp = time.Now().Add(-10 * time.Second)
		require.NoError(t, consumer.Consume(t.Context(), e))
		requireLag(t, registry, 70, 1)
		pass(time.Hour)
		requireLag(t, registry, 70, 1) // nothing to do is no lag that grows
	})
}

func requireLag(t *testing.T, g prometheus.Gatherer, lag, alert float64) {
	t.Helper()
	require.Equal(t, map[string]float64{"test": lag}, values(t, g, metricLag))
	require.Equal(t, map[string]float64{"test": alert}, values(t, g, metricLagAlert))
}

func TestLagAlertCanBeTurnedOff(t *testing.T) {
	for _, opt := range []reflex.ConsumerOption{
		reflex.WithoutConsumerLag(), reflex.WithConsumerLagAlert(0),
	} {
		consumer, registry := newConsumer(t, noop, opt)
		e := event(1)
		e.Timestamp = time.Now().Add(-time.Hour)
		require.NoError(t, consumer.Consume(t.Context(), e))
		require.Equal(t, map[string]float64{"test": 0}, values(t, registry, metricLagAlert))
		require.GreaterOrEqual(t, values(t, registry, metricLag)["test"], 3600.0)
	}
}

func TestLagAlertIsAtThirtyMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		consumer, registry := newConsumer(t, noop)
		e := event(1)
		for _, test := range []struct {
			lag   time.Duration
			alert float64
		}{{30 * time.Minute, 0}, {30*time.Minute + time.Second, 1}, {0, 0}} {
			e.Timestamp = time.Now().Add(-test.lag)
			require.NoError(t, consumer.Consume(t.Context(), e))
			requireLag(t, registry, test.lag.Seconds(), test.alert)
		}
	})
}

func TestUserGaugeTakesThePlaceOfTheLagAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "mine"})
		var during []float64
		consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error {
			during = append(during, testutil.ToFloat64(gauge))
			return errDone
		}, reflex.WithConsumerLagAlertGauge(gauge), reflex.WithConsumerLagAlert(time.Minute))
		e := event(1)
		e.Timestamp = time.Now().Add(-time.Hour)
		require.Error(t, consumer.Consume(t.Context(), e))
		e.Timestamp = time.Now()
		require.Error(t, consumer.Consume(t.Context(), e))
		require.Equal(t, []float64{1, 0}, during, "set at each event")
		require.Empty(t, values(t, registry, metricLagAlert))

		pass(time.Hour)
		require.InDelta(t, 0.0, testutil.ToFloat64(gauge), 0)
		values(t, registry, metricLag)
		require.InDelta(t, 1.0, testutil.ToFloat64(gauge), 0, "set at a scrape")
	})
}

// Timestamps of other clocks, and those that were never set.
func TestLagOfOddTimestamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := time.Duration(math.MaxInt64).Seconds()
		for _, test := range []struct {
			timestamp time.Time
			lag       float64
		}{
			{time.Now().Add(time.Hour), -3600},
			{time.Time{}, never},
			{time.Unix(0, 0), time.Since(time.Unix(0, 0)).Seconds()},
		} {
			var registry *prometheus.Registry
			consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error {
				pass(time.Microsecond)
				require.InEpsilon(t, test.lag, values(t, registry, metricLag)["test"], 1e-6)
				return nil
			})
			e := event(1)
			e.Timestamp = test.timestamp
			require.NoError(t, consumer.Consume(t.Context(), e))
			require.InEpsilon(t, test.lag, values(t, registry, metricLag)["test"], 1e-6)
		}
	})
}

func TestActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		make := func(name string, opts ...reflex.ConsumerOption) reflex.Consumer {
			return reflex.NewConsumer(name, noop, append(opts, reflex.WithConsumerRegisterer(registry))...)
		}
		asked := 0
		make("never", reflex.WithConsumerActivityTTL(0))
		minute := make("minute", reflex.WithConsumerActivityTTL(time.Minute))
		make("func", reflex.WithConsumerActivityTTLFunc(func() time.Duration {
			asked++
			return time.Hour
		}))
		make("day")
		make("off", reflex.WithoutConsumerActivityTTL())
		require.Equal(t, 1, asked)

		require.Equal(t, map[string]float64{"never": 0, "minute": 1, "func": 1, "day": 1},
			values(t, registry, metricActive), "making it counts as activity")
		pass(time.Minute)
		require.Equal(t, map[string]float64{"never": 0, "minute": 0, "func": 1, "day": 1}, values(t, registry, metricActive))
		require.NoError(t, minute.Consume(t.Context(), event(1)))
		pass(time.Minute - time.Nanosecond)
		require.InDelta(t, 1.0, values(t, registry, metricActive)["minute"], 0)
		pass(24 * time.Hour)
		require.Equal(t, map[string]float64{"never": 0, "minute": 0, "func": 0, "day": 0}, values(t, registry, metricActive))
		require.Equal(t, 1, asked)
	})
}

// Two of one name, as the shards of a pattern may be. Stop of one took the
// series of both, and each overwrote the lag of the other.
func TestConsumersOfOneNameShareSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, registry := newConsumer(t, noop, reflex.WithConsumerActivityTTL(time.Hour))
		b := reflex.NewConsumer("test", fail, reflex.WithConsumerRegisterer(registry),
			reflex.WithConsumerActivityTTL(time.Minute), reflex.WithConsumerLagAlert(time.Minute))

		old := event(1)
		old.Timestamp = time.Now().Add(-10 * time.Second)
		require.NoError(t, a.Consume(t.Context(), old))
		require.Error(t, b.Consume(t.Context(), event(1)))
		requireLag(t, registry, 10, 0)
		pass(61 * time.Second)
		requireLag(t, registry, 61, 1)
		require.Equal(t, map[string]float64{"test": 1}, values(t, registry, metricActive))
		require.Equal(t, map[string]float64{"test": 2}, values(t, registry, metricLatency))

		require.NoError(t, b.(reflex.Stopper).Stop())
		requireLag(t, registry, 10, 0)
		require.NoError(t, a.(reflex.Stopper).Stop())
		require.Empty(t, values(t, registry, metricLag))
		require.Empty(t, values(t, registry, metricLagAlert))
		require.NoError(t, a.(reflex.Stopper).Stop(), "twice is harmless")
		require.NoError(t, a.Consume(t.Context(), event(2)), "works all the same")
		require.Empty(t, values(t, registry, metricLag))

		for range 2 {
			require.NoError(t, b.(interface{ Reset() error }).Reset())
			requireLag(t, registry, 0, 0)
		}
	})
}

func TestMetricsUnderConcurrentUse(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			consumer := reflex.NewConsumer(fmt.Sprint("c", i%2), noop, reflex.WithConsumerRegisterer(registry),
				reflex.WithEventFilter(func(e *reflex.Event) (bool, error) { return e.ID != "1", nil }))
			for id := range 20 {
				_ = consumer.Consume(t.Context(), event(id))
			}
			_ = consumer.(reflex.Stopper).Stop()
			_ = consumer.(interface{ Reset() error }).Reset()
		})
	}
	for range 20 {
		_, err := registry.Gather()
		require.NoError(t, err)
	}
	wg.Wait()
	require.Equal(t, map[string]float64{"c0": 80, "c1": 80}, values(t, registry, metricLatency))
	require.Equal(t, map[string]float64{"c0": 4, "c1": 4}, values(t, registry, metricSkipped))
	require.Len(t, values(t, registry, metricLag), 2)
}
