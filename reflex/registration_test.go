package reflex_test

import (
	"context"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func allMetrics() []string {
	return []string{metricLag, metricLagAlert, metricActive, metricAge, metricLatency, metricErrors, metricSkipped}
}

// consumeAs makes a consumer of the name and lets it consume, and skip, an event.
func consumeAs(t *testing.T, name string, r prometheus.Registerer) {
	t.Helper()
	consumer := reflex.NewConsumer(name, noop, reflex.WithConsumerRegisterer(r),
		reflex.WithFilterIncludeTypes(testType(2)))
	require.NoError(t, consumer.Consume(t.Context(), event(1)))
}

// What the default registry has before any test or example makes a consumer.
var importedFamilies, errImported = prometheus.DefaultGatherer.Gather()

// Both libraries are in a binary while it moves from one to the other.
// Registering in init ended it before main.
func TestNothingIsRegisteredByImporting(t *testing.T) {
	require.NoError(t, errImported)
	for _, family := range importedFamilies {
		require.NotContains(t, family.GetName(), "reflex")
	}
}

func TestConsumersShareMetricsOfARegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	other := prometheus.NewPedanticRegistry()
	consumeAs(t, "a", registry)
	consumeAs(t, "b", registry)
	consumeAs(t, "c", other)
	for _, metric := range allMetrics() {
		require.Len(t, values(t, registry, metric), 2, metric)
		require.Len(t, values(t, other, metric), 1, metric)
	}
}

func TestConsumersShareMetricsOfAWrappedRegistry(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	wrapped := prometheus.WrapRegistererWith(prometheus.Labels{"service": "s"},
		prometheus.WrapRegistererWithPrefix("app_", registry))
	consumeAs(t, "a", wrapped)
	consumeAs(t, "b", wrapped)
	consumeAs(t, "a", wrapped)
	consumeAs(t, "a", registry)
	for _, metric := range allMetrics() {
		require.Len(t, values(t, registry, "app_"+metric), 2, metric)
		require.Len(t, values(t, registry, metric), 1, metric)
	}
	require.InDelta(t, 2.0, values(t, registry, "app_"+metricLatency)["a"], 0)
}

// privateCollector is a collector whose type nobody else has.
type privateCollector struct{ *prometheus.GaugeVec }

func gaugeVec(metric, help string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: metric, Help: help}, []string{"consumer_name"})
}

const (
	helpLag      = "Lag between now and the current event timestamp in seconds"
	helpLagAlert = "Whether or not the consumer lag crosses its alert threshold"
	helpActive   = "Whether or not the consumer was active (consumed an event) in the activity ttl period"
	helpSkipped  = "Number of events skipped by consumer"
)

// luno/reflex registers when it is imported, so before us: the lag and its alert as
// plain gauges, activity as a collector of its own, the rest as we do.
func TestMetricsBesideThoseOfLunoReflex(t *testing.T) {
	registries := map[string]func(r *prometheus.Registry) prometheus.Registerer{
		"plain": func(r *prometheus.Registry) prometheus.Registerer { return r },
		"wrapped": func(r *prometheus.Registry) prometheus.Registerer {
			return prometheus.WrapRegistererWith(prometheus.Labels{"service": "s"}, r)
		},
	}
	for name, wrap := range registries {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			reg := wrap(registry)
			theirs := map[string]*prometheus.GaugeVec{
				metricLag:      gaugeVec(metricLag, helpLag),
				metricLagAlert: gaugeVec(metricLagAlert, helpLagAlert),
				metricActive:   gaugeVec(metricActive, helpActive),
			}
			skips := prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricSkipped, Help: helpSkipped},
				[]string{"consumer_name"})
			reg.MustRegister(theirs[metricLag], theirs[metricLagAlert], privateCollector{theirs[metricActive]}, skips)
			for _, vec := range theirs {
				vec.WithLabelValues("theirs").Set(7)
			}
			skips.WithLabelValues("theirs").Inc()

			consumeAs(t, "ours", reg)
			consumeAs(t, "ours", reg)
			consumeAs(t, "too", reg)
			for metric := range theirs {
				got := values(t, registry, metric)
				require.Len(t, got, 3, metric)
				require.InDelta(t, 7.0, got["theirs"], 0, metric)
			}
			require.Equal(t, map[string]float64{"ours": 2, "theirs": 1, "too": 1}, values(t, registry, metricSkipped))

			// A consumer that both have would fail the scrape of everything.
			theirs[metricLag].WithLabelValues("ours").Set(8)
			got := values(t, registry, metricLag)
			require.Len(t, got, 3)
			require.InDelta(t, 8.0, got["ours"], 0)
			theirs[metricLag].DeleteLabelValues("ours")
			require.Less(t, values(t, registry, metricLag)["ours"], 7.0)
		})
	}
}

func TestHistogramBesideAnotherCollector(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	theirs := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    metricLatency,
		Help:    "Event loop latency in seconds",
		Buckets: []float64{1},
	}, []string{"consumer_name"})
	registry.MustRegister(struct{ prometheus.Collector }{theirs})
	theirs.WithLabelValues("theirs").Observe(1)
	consumeAs(t, "ours", registry)
	consumeAs(t, "ours", registry)
	require.Equal(t, map[string]float64{"ours": 2, "theirs": 1}, values(t, registry, metricLatency))
}

// NewConsumer has no error to return, so the consumer says it as soon as it is used, and
// before any event is consumed that nobody would see in the metrics.
func TestRefusedMetricsAreAnErrorOfTheConsumer(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(gaugeVec(metricLagAlert, "another help text"))
	var consumed int
	consumer := reflex.NewConsumer("test", func(context.Context, *reflex.Event) error {
		consumed++
		return nil
	},
		reflex.WithConsumerRegisterer(registry))

	check := func(err error) {
		t.Helper()
		var metricsErr *reflex.MetricsError
		require.True(t, errors.As(err, &metricsErr))
		require.Equal(t, metricLagAlert, metricsErr.Metric)
		require.Equal(t, "test", metricsErr.Consumer)
		require.ErrorContains(t, err, `metric reflex_consumer_lag_alert of consumer "test" can't be registered: `)
		require.ErrorContains(t, err, "different label names or a different help string")
	}
	check(consumer.(interface{ Reset() error }).Reset())
	check(consumer.Consume(t.Context(), event(1)))
	store := new(fakeStore)
	err := reflex.Run(t.Context(), reflex.NewSpec(reflex.NewMockStream(events(1), errEnd), store, consumer))
	check(err)
	require.ErrorContains(t, err, "reset error: ")
	require.NoError(t, consumer.(reflex.Stopper).Stop())
	require.Zero(t, consumed)
	require.Empty(t, store.cursor("test"))
}

func TestNameThatIsNoLabelIsAnErrorOfTheConsumer(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	consumer := reflex.NewConsumer("\xff", noop, reflex.WithConsumerRegisterer(registry))
	var metricsErr *reflex.MetricsError
	require.True(t, errors.As(consumer.Consume(t.Context(), event(1)), &metricsErr))
	_, err := registry.Gather()
	require.NoError(t, err)
}

// The same is the default and nil. It is the only test that uses the global registry.
func TestDefaultRegisterer(t *testing.T) {
	before := prometheus.DefaultRegisterer
	registry := prometheus.NewRegistry()
	prometheus.DefaultRegisterer = registry
	defer func() { prometheus.DefaultRegisterer = before }()

	reflex.NewConsumer("default", noop)
	reflex.NewConsumer("nil", noop, reflex.WithConsumerRegisterer(nil))
	require.Equal(t, map[string]float64{"default": 0, "nil": 0}, values(t, registry, metricLag))
}
