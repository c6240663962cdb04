package reflex

import (
	"context"
	"time"

	"github.com/luno/fate"
	"github.com/prometheus/client_golang/prometheus"
)

// Consumer is a name and the business logic that is run for each event.
type Consumer interface {
	// Name identifies the consumer: its cursor and metrics are kept under it.
	Name() string
	// Consume handles one event. An error leaves the cursor where it is.
	Consume(ctx context.Context, event *Event) error
}

// ConsumerFunc is the business logic of a consumer.
type ConsumerFunc func(ctx context.Context, event *Event) error

// ResetterCtx is a consumer with state that Run resets before it opens the
// stream. Run also honours Reset() error, if it is not a ResetterCtx.
type ResetterCtx interface {
	// Reset prepares for a new run. An error ends Run.
	Reset(ctx context.Context) error
}

type resetter interface{ Reset() error }

// Stopper is a consumer that holds something for as long as it may be run
// again. It is stopped by Spec.Stop, not by Run.
type Stopper interface {
	// Stop lets go of it. A later Run resets the consumer, and so revives it.
	Stop() error
}

const (
	defaultLagAlert    = 30 * time.Minute
	defaultActivityTTL = 24 * time.Hour
)

type consumer struct {
	name  string
	logic ConsumerFunc
	conf  consumerConfig
	meter *consumerMeter

	// err is why the consumer can't work: NewConsumer has no error to return.
	err error
}

var (
	_ Consumer = (*consumer)(nil)
	_ resetter = (*consumer)(nil)
	_ Stopper  = (*consumer)(nil)
)

// NewConsumer returns a consumer that runs fn for each event, after filtering, with the
// event's trace in its context, and with metrics.
//
// A panic of fn, of a filter or of a recovery function becomes a *PanicError. If the
// metrics can't be registered, Reset and Consume return a *MetricsError, so that
// Run ends with it before any event is consumed.
//
// The consumer may be used by several goroutines at once if fn may. Its lag is
// then that of the event which began or was done last.
func NewConsumer[L Logic](name string, fn L, opts ...ConsumerOption) Consumer {
	c := &consumer{name: name, conf: consumerConfig{
		lagAlert:    defaultLagAlert,
		activityTTL: defaultActivityTTL,
	}}
	for _, opt := range opts {
		opt(c)
	}
	c.logic = newLogic(fn, c.conf.newFate)
	c.meter, c.err = newConsumerMeter(name, c.conf)
	return c
}

func (c *consumer) Name() string { return c.name }

// Reset makes the lag of a stopped consumer visible again.
func (c *consumer) Reset() error {
	if c.err != nil {
		return c.err
	}
	c.meter.show()
	return nil
}

// Stop removes this consumer's lag from the metrics: it is nobody's lag while the
// consumer is not run here.
func (c *consumer) Stop() error {
	if c.err == nil {
		c.meter.hide()
	}
	return nil
}

func (c *consumer) Consume(ctx context.Context, e *Event) error {
	if c.err != nil {
		return c.err
	}
	start := time.Now()
	c.meter.began(start, e)

	err := c.consume(withTrace(ctx, e), e)

	// Since is cheaper than Now, and there are many events.
	took := time.Since(start)
	c.meter.done(start.Add(took), took, e, err)
	return err
}

// consume is what is measured: the filters, the logic, and the recovery.
func (c *consumer) consume(ctx context.Context, e *Event) error {
	err := c.attempt(ctx, e)
	if err == nil || c.conf.recovery == nil || IsExpected(err) {
		return err
	}
	return c.tryRecover(ctx, e, err)
}

func (c *consumer) attempt(ctx context.Context, e *Event) (err error) {
	defer recoverTo(&err, "consumer")
	wanted, err := c.conf.wants(e)
	if err != nil {
		return wrapFilterErr(err)
	}
	if !wanted {
		c.meter.skipped()
		return nil
	}
	return c.logic(ctx, e)
}

func (c *consumer) tryRecover(ctx context.Context, e *Event, cause error) (err error) {
	defer recoverTo(&err, "consumer")
	return c.conf.recovery(ctx, e, c, cause)
}

// consumerConfig is what options set.
type consumerConfig struct {
	fate          fate.Fate
	registerer    prometheus.Registerer
	lagAlert      time.Duration
	lagAlertGauge prometheus.Gauge
	activityTTL   time.Duration
	types         []EventType
	filter        EventFilter
	recovery      RecoveryFunc
}

func (c consumerConfig) newFate() fate.Fate {
	if c.fate != nil {
		return c.fate
	}
	return fate.New()
}

// wants reports whether the event passes the filters. The event filter is only
// asked about events of the right type.
func (c *consumerConfig) wants(e *Event) (bool, error) {
	if len(c.types) > 0 && !IsAnyType(e.Type, c.types...) {
		return false, nil
	}
	if c.filter == nil {
		return true, nil
	}
	return c.filter(e)
}
