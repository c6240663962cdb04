package reflex

import (
	"github.com/prometheus/client_golang/prometheus"
)

const (
	metricLag      = "reflex_consumer_lag_seconds"
	metricLagAlert = "reflex_consumer_lag_alert"
	metricActive   = "reflex_consumer_active"
	metricAge      = "reflex_consumer_event_age_seconds"
	metricLatency  = "reflex_consumer_latency_seconds"
	metricErrors   = "reflex_consumer_error_count"
	metricSkipped  = "reflex_consumer_skipped_events_count"

	// Those of package rpatterns. They are here because only a consumer knows its registerer.
	metricDeadLettered = "reflex_consumer_dead_lettered_events_count"
	metricBuffered     = "reflex_rpatterns_batch_consumer_buffer_length"

	consumerLabel = "consumer_name"
)

// consumerMetrics are the metrics of all consumers that share a registerer.
type consumerMetrics struct {
	lag      *scrapeGauge
	lagAlert *scrapeGauge
	active   *scrapeGauge
	age      *prometheus.HistogramVec
	latency  *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	skipped  *prometheus.CounterVec

	deadLettered *prometheus.CounterVec
	buffered     *scrapeGauge
}

// registerMetrics registers the metrics, or finds those that are registered.
// There is no record of registries on our side: the registerer is asked each time,
// so nothing is global, and none is kept alive for us.
func registerMetrics(r prometheus.Registerer, consumer string) (consumerMetrics, error) {
	if r == nil {
		r = prometheus.DefaultRegisterer
	}
	var (
		m   consumerMetrics
		reg = registration{registerer: r, consumer: consumer}
	)
	m.lag = register(&reg, metricLag, newScrapeGauge(metricLag,
		"Lag between now and the current event timestamp in seconds"))
	m.lagAlert = register(&reg, metricLagAlert, newScrapeGauge(metricLagAlert,
		"Whether or not the consumer lag crosses its alert threshold"))
	m.active = register(&reg, metricActive, newScrapeGauge(metricActive,
		"Whether or not the consumer was active (consumed an event) in the activity ttl period"))
	m.age = register(&reg, metricAge, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    metricAge,
		Help:    "The age of events that are being processed by the consumer",
		Buckets: []float64{.1, .5, 1, 5, 10, 50, 100, 500, 1000, 10000, 50000, 100000},
	}, []string{consumerLabel}))
	m.latency = register(&reg, metricLatency, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    metricLatency,
		Help:    "Event loop latency in seconds",
		Buckets: []float64{.01, .1, 1, 5, 10, 60, 300},
	}, []string{consumerLabel}))
	m.errors = register(&reg, metricErrors, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: metricErrors,
		Help: "Number of errors processing events",
	}, []string{consumerLabel}))
	m.skipped = register(&reg, metricSkipped, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: metricSkipped,
		Help: "Number of events skipped by consumer",
	}, []string{consumerLabel}))
	m.deadLettered = register(&reg, metricDeadLettered, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: metricDeadLettered,
		Help: "Number of events dead lettered by consumer",
	}, []string{consumerLabel}))
	// luno/reflex has no help for it. With one, the two could not be in one registry.
	m.buffered = register(&reg, metricBuffered, newScrapeGauge(metricBuffered, ""))
	return m, reg.err
}
