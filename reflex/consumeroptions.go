package reflex

import (
	"context"
	"slices"
	"time"

	"github.com/luno/fate"
	"github.com/prometheus/client_golang/prometheus"
)

// ConsumerOption is an option of NewConsumer. Of two that set the same thing, the
// later one holds.
type ConsumerOption func(*consumer)

// RecoveryFunc is asked what to do about an error of a consumer: of the logic, of a
// filter, or a *PanicError. Returning nil means that the event is dealt with, and the cursor
// moves past it; any other error takes the place of err.
type RecoveryFunc func(ctx context.Context, ev *Event, consumer Consumer, err error) error

// WithRecoverFunction sets what is asked about unexpected errors. It is not
// asked about those of which IsExpected is true.
func WithRecoverFunction(rfn RecoveryFunc) ConsumerOption {
	return func(c *consumer) { c.conf.recovery = rfn }
}

// WithFilterIncludeTypes skips events of other types. Without types it skips none.
func WithFilterIncludeTypes(evts ...EventType) ConsumerOption {
	types := slices.Clone(evts)
	return func(c *consumer) { c.conf.types = types }
}

// WithEventFilter skips the events for which the filter is false. It is asked after the
// filter of types. An error of it is an error of the consumer: see IsFilterErr.
func WithEventFilter(flt EventFilter) ConsumerOption {
	return func(c *consumer) { c.conf.filter = flt }
}

// WithConsumerLagAlert sets the lag above which reflex_consumer_lag_alert is 1. The
// default is 30 minutes; 0 or less means never.
func WithConsumerLagAlert(d time.Duration) ConsumerOption {
	return func(c *consumer) { c.conf.lagAlert = d }
}

// WithoutConsumerLag turns the lag alert off. The lag itself is still reported.
func WithoutConsumerLag() ConsumerOption {
	return WithConsumerLagAlert(-1)
}

// WithConsumerLagAlertGauge sets g instead of reflex_consumer_lag_alert, at
// each event and at each scrape of the lag. It is the caller's to register.
func WithConsumerLagAlertGauge(g prometheus.Gauge) ConsumerOption {
	return func(c *consumer) { c.conf.lagAlertGauge = g }
}

// WithConsumerActivityTTL sets how long after its last event a consumer counts as
// active. The default is 24 hours; less than 0 means that it is not reported.
func WithConsumerActivityTTL(ttl time.Duration) ConsumerOption {
	return func(c *consumer) { c.conf.activityTTL = ttl }
}

// WithConsumerActivityTTLFunc is WithConsumerActivityTTL of what ttl returns, which is
// asked once by NewConsumer.
func WithConsumerActivityTTLFunc(ttl func() time.Duration) ConsumerOption {
	return func(c *consumer) { c.conf.activityTTL = ttl() }
}

// WithoutConsumerActivityTTL turns reflex_consumer_active off for the consumer.
func WithoutConsumerActivityTTL() ConsumerOption {
	return WithConsumerActivityTTL(-1)
}

// WithConsumerRegisterer sets where the consumer's metrics are registered. Nil, and the
// default, is prometheus.DefaultRegisterer.
func WithConsumerRegisterer(r prometheus.Registerer) ConsumerOption {
	return func(c *consumer) { c.conf.registerer = r }
}

// WithConsumerFate sets the fate that logic of the second form gets. The default is a
// fate.New for the consumer. It is meant for tests, that decide when to fail.
func WithConsumerFate(f fate.Fate) ConsumerOption {
	return func(c *consumer) { c.conf.fate = f }
}
