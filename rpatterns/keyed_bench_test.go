package rpatterns_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

const benchKeys = 1000

// benchStream delivers n events of benchKeys keys, and allocates nothing.
func benchStream(n int) reflex.StreamFunc {
	events := make([]reflex.Event, benchKeys)
	for i := range events {
		events[i] = reflex.Event{
			ID:        strconv.Itoa(i),
			Type:      fakeType(1),
			ForeignID: "customer-" + strconv.Itoa(i*7919%benchKeys),
			Timestamp: time.Now(),
		}
	}
	return func(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
		return &benchClient{ctx: ctx, events: events, n: n}, nil
	}
}

type benchClient struct {
	ctx    context.Context
	events []reflex.Event
	n, at  int
}

func (c *benchClient) Recv() (*reflex.Event, error) {
	if c.at == c.n {
		// The head, as it is reported when all is done.
		return nil, reflex.ErrHeadReached
	}
	e := &c.events[c.at%len(c.events)]
	c.at++
	return e, nil
}

func noop(context.Context, *reflex.Event) error { return nil }

func nap(ctx context.Context, _ *reflex.Event) error {
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func meteredConsumer(fn reflex.ConsumerFunc) reflex.Consumer {
	return reflex.NewConsumer("bench", fn, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
}

// rateOf returns how many events a second a run of n takes, after what was set up.
func rateOf(tb testing.TB, n int, spec func(reflex.StreamFunc) reflex.Spec) float64 {
	tb.Helper()
	s := spec(benchStream(n))
	start := time.Now()
	err := reflex.Run(tb.Context(), s)
	took := time.Since(start)
	require.ErrorIs(tb, err, reflex.ErrHeadReached)
	return float64(n) / took.Seconds()
}

func serialSpec(fn reflex.ConsumerFunc) func(reflex.StreamFunc) reflex.Spec {
	return func(stream reflex.StreamFunc) reflex.Spec {
		return reflex.NewSpec(stream, rpatterns.MemCursorStore(), meteredConsumer(fn))
	}
}

func keyedSpec(fn reflex.ConsumerFunc, limit int) func(reflex.StreamFunc) reflex.Spec {
	return func(stream reflex.StreamFunc) reflex.Spec {
		kc := rpatterns.NewKeyedConsumer(rpatterns.MemCursorStore(), meteredConsumer(fn), nil, limit)
		return rpatterns.NewKeyedSpec(stream, kc)
	}
}

func concurrentSpec(fn reflex.ConsumerFunc, limit int) func(reflex.StreamFunc) reflex.Spec {
	return func(stream reflex.StreamFunc) reflex.Spec {
		cc := rpatterns.NewConcurrentConsumer(rpatterns.MemCursorStore(), meteredConsumer(fn), limit)
		return rpatterns.NewConcurrentSpec(stream, cc)
	}
}

// What the pattern costs per event, beside a plain run: the handlers do nothing.
func BenchmarkKeyedNoop(b *testing.B) {
	for name, spec := range map[string]func(reflex.StreamFunc) reflex.Spec{
		"plain":      serialSpec(noop),
		"keyed":      keyedSpec(noop, 64),
		"concurrent": concurrentSpec(noop, 64),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(rateOf(b, b.N, spec), "events/s")
		})
	}
}

// What it gains: handlers of 1 ms, 1000 keys, 64 in flight.
func BenchmarkKeyedSlowHandlers(b *testing.B) {
	for b.Loop() {
		serial := rateOf(b, 500, serialSpec(nap))
		keyed := rateOf(b, 50_000, keyedSpec(nap, 64))
		b.ReportMetric(serial, "serial-events/s")
		b.ReportMetric(keyed, "keyed-events/s")
		b.ReportMetric(keyed/serial, "times")
	}
}
