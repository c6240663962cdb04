package reflex

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// consumerMeter measures one consumer. Children of vectors are looked up once.
type consumerMeter struct {
	name    string
	metrics consumerMetrics

	lag       lagMeter
	activity  activityMeter
	lagShown  *gaugeSource
	alertOn   *gaugeSource // nil if the user's gauge takes its place
	threshold time.Duration
	userAlert prometheus.Gauge

	age     prometheus.Observer
	latency prometheus.Observer
	errors  prometheus.Counter
	// skips is looked up at the first skip: a consumer that skips nothing has no series.
	skips func() prometheus.Counter
}

func newConsumerMeter(name string, conf consumerConfig) (*consumerMeter, error) {
	metrics, err := registerMetrics(conf.registerer, name)
	if err != nil {
		return nil, err
	}
	m := &consumerMeter{
		name:      name,
		metrics:   metrics,
		threshold: conf.lagAlert,
		userAlert: conf.lagAlertGauge,
		skips: sync.OnceValue(func() prometheus.Counter {
			return metrics.skipped.WithLabelValues(name)
		}),
	}
	// A name that is no label value, not being UTF-8, is refused here.
	m.age, err = metrics.age.GetMetricWithLabelValues(name)
	if err != nil {
		return nil, &MetricsError{Metric: metricAge, Consumer: name, Cause: err}
	}
	m.latency = metrics.latency.WithLabelValues(name)
	m.errors = metrics.errors.WithLabelValues(name)

	m.lagShown = &gaugeSource{value: m.scrapeLag}
	if m.userAlert == nil {
		m.alertOn = &gaugeSource{value: func(now time.Time) float64 { return m.alert(m.lag.at(now)) }}
	}
	m.show()

	if conf.activityTTL >= 0 {
		m.activity.seen(time.Now())
		metrics.active.add(name, &gaugeSource{value: func(now time.Time) float64 {
			return m.activity.within(conf.activityTTL, now)
		}})
	}
	return m, nil
}

// show makes the lag visible.
func (m *consumerMeter) show() {
	m.metrics.lag.add(m.name, m.lagShown)
	if m.alertOn != nil {
		m.metrics.lagAlert.add(m.name, m.alertOn)
	}
}

// hide makes the lag invisible, and forgets it.
func (m *consumerMeter) hide() {
	m.metrics.lag.remove(m.name, m.lagShown)
	if m.alertOn != nil {
		m.metrics.lagAlert.remove(m.name, m.alertOn)
	}
	m.lag.settle(0)
}

// began notes that the event is in hand.
func (m *consumerMeter) began(now time.Time, e *Event) {
	m.activity.seen(now)
	lag := now.Sub(e.Timestamp)
	m.lag.await(e.Timestamp)
	m.age.Observe(lag.Seconds())
	if m.userAlert != nil {
		m.userAlert.Set(m.alert(lag))
	}
}

// done notes how consuming the event ended. After an error it is still the event
// that the consumer lags behind with.
func (m *consumerMeter) done(now time.Time, took time.Duration, e *Event, err error) {
	if err == nil {
		m.lag.settle(now.Sub(e.Timestamp))
	}
	m.worked(took, err)
}

// worked notes how long work took, and how it ended.
func (m *consumerMeter) worked(took time.Duration, err error) {
	if err != nil && !IsExpected(err) {
		m.errors.Inc()
	}
	m.latency.Observe(took.Seconds())
}

func (m *consumerMeter) skipped() { m.skips().Inc() }

func (m *consumerMeter) scrapeLag(now time.Time) float64 {
	lag := m.lag.at(now)
	if m.userAlert != nil {
		m.userAlert.Set(m.alert(lag))
	}
	return lag.Seconds()
}

func (m *consumerMeter) alert(lag time.Duration) float64 {
	if m.threshold > 0 && lag > m.threshold {
		return 1
	}
	return 0
}
