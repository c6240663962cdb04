package reflex_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

const (
	metricLag      = "reflex_consumer_lag_seconds"
	metricLagAlert = "reflex_consumer_lag_alert"
	metricActive   = "reflex_consumer_active"
	metricAge      = "reflex_consumer_event_age_seconds"
	metricLatency  = "reflex_consumer_latency_seconds"
	metricErrors   = "reflex_consumer_error_count"
	metricSkipped  = "reflex_consumer_skipped_events_count"
)

type (
	namedLogic     func(context.Context, *reflex.Event) error
	namedFateLogic func(context.Context, fate.Fate, *reflex.Event) error
)

type alwaysTempted struct{}

func (alwaysTempted) Tempt() error { return fate.ErrTempt }

func tempt(_ context.Context, f fate.Fate, _ *reflex.Event) error { return f.Tempt() }

func fail(context.Context, *reflex.Event) error { return errDone }

func TestBothFormsOfLogic(t *testing.T) {
	opts := func() []reflex.ConsumerOption {
		return []reflex.ConsumerOption{
			reflex.WithConsumerRegisterer(prometheus.NewRegistry()),
			reflex.WithConsumerFate(alwaysTempted{}),
		}
	}
	plain := map[string]reflex.Consumer{
		"func":         reflex.NewConsumer("test", fail, opts()...),
		"literal":      reflex.NewConsumer("test", func(context.Context, *reflex.Event) error { return errDone }, opts()...),
		"ConsumerFunc": reflex.NewConsumer("test", reflex.ConsumerFunc(fail), opts()...),
		"named":        reflex.NewConsumer("test", namedLogic(fail), opts()...),
	}
	for name, consumer := range plain {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "test", consumer.Name())
			require.Equal(t, errDone, consumer.Consume(t.Context(), event(1)))
		})
	}
	fates := map[string]reflex.Consumer{
		"fate func": reflex.NewConsumer("test", tempt, opts()...),
		"fate literal": reflex.NewConsumer("test",
			func(_ context.Context, f fate.Fate, _ *reflex.Event) error { return f.Tempt() }, opts()...),
		"fate named": reflex.NewConsumer("test", namedFateLogic(tempt), opts()...),
	}
	for name, consumer := range fates {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, fate.ErrTempt, consumer.Consume(t.Context(), event(1)))
		})
	}
}

// As a func value the constructor needs to be told the form of logic.
func TestNewConsumerAsAValue(t *testing.T) {
	construct := reflex.NewConsumer[reflex.ConsumerFunc]
	consumer := construct("test", fail, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
	require.Equal(t, errDone, consumer.Consume(t.Context(), event(1)))
}

func TestFateOfAConsumer(t *testing.T) {
	var got []fate.Fate
	consumer := reflex.NewConsumer("test", func(_ context.Context, f fate.Fate, _ *reflex.Event) error {
		got = append(got, f)
		return nil
	}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
	for range 2 {
		require.NoError(t, consumer.Consume(t.Context(), event(1)))
	}
	require.NotNil(t, got[0])
	require.Same(t, got[0], got[1], "one for the consumer")
}

func TestFilters(t *testing.T) {
	yes := func(*reflex.Event) (bool, error) { return true, nil }
	no := func(*reflex.Event) (bool, error) { return false, nil }
	bad := func(*reflex.Event) (bool, error) { return true, io.EOF }
	never := func(*reflex.Event) (bool, error) { panic("asked about an event of another type") }
	tests := []struct {
		name     string
		opts     []reflex.ConsumerOption
		consumed int
		skipped  float64
		err      string
	}{
		{name: "none", consumed: 1},
		{name: "type", opts: opts(reflex.WithFilterIncludeTypes(testType(2), otherType(1))), consumed: 1},
		{name: "other type", opts: opts(reflex.WithFilterIncludeTypes(testType(2))), skipped: 1},
		{name: "no types", opts: opts(reflex.WithFilterIncludeTypes()), consumed: 1},
		{name: "event", opts: opts(reflex.WithEventFilter(yes)), consumed: 1},
		{name: "other event", opts: opts(reflex.WithEventFilter(no)), skipped: 1},
		{name: "nil filter", opts: opts(reflex.WithEventFilter(nil)), consumed: 1},
		{name: "failing", opts: opts(reflex.WithEventFilter(bad)), err: "error in filter: EOF"},
		{name: "type is first", opts: opts(reflex.WithFilterIncludeTypes(testType(2)), reflex.WithEventFilter(never)), skipped: 1},
		{name: "both", opts: opts(reflex.WithFilterIncludeTypes(testType(1)), reflex.WithEventFilter(no)), skipped: 1},
		{name: "the later holds", opts: opts(reflex.WithEventFilter(no), reflex.WithEventFilter(yes)), consumed: 1},
		{
			name:     "the later types hold",
			opts:     opts(reflex.WithFilterIncludeTypes(testType(2)), reflex.WithFilterIncludeTypes(testType(1))),
			consumed: 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var consumed int
			consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error {
				consumed++
				return nil
			}, test.opts...)
			err := consumer.Consume(t.Context(), event(1))
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.err)
				require.True(t, reflex.IsFilterErr(err))
				require.True(t, errors.Is(err, io.EOF))
			}
			require.Equal(t, test.consumed, consumed)

			skips := values(t, registry, metricSkipped)
			if test.skipped == 0 {
				require.Empty(t, skips, "no series when nothing was skipped")
			} else {
				require.Equal(t, map[string]float64{"test": test.skipped}, skips)
			}
			require.Equal(t, map[string]float64{"test": 1}, values(t, registry, metricLatency))
		})
	}
}

func opts(o ...reflex.ConsumerOption) []reflex.ConsumerOption { return o }

// The cursor moves past what a filter declined, or a consumer that
// wants nothing would read the whole stream again at each start.
func TestSkippedEventsMoveTheCursor(t *testing.T) {
	store := new(fakeStore)
	consumer, registry := newConsumer(t, fail, reflex.WithFilterIncludeTypes(testType(2)))
	err := reflex.Run(t.Context(), reflex.NewSpec(reflex.NewMockStream(events(3), errEnd), store, consumer))
	require.EqualError(t, err, "recv error: end")
	require.Equal(t, "3", store.cursor("test"))
	require.Equal(t, map[string]float64{"test": 3}, values(t, registry, metricSkipped))
}

func TestRecovery(t *testing.T) {
	badFilter := reflex.WithEventFilter(func(*reflex.Event) (bool, error) { return false, io.EOF })
	tests := []struct {
		name     string
		logic    reflex.ConsumerFunc
		opts     []reflex.ConsumerOption
		recovery func(err error) error
		asked    bool
		want     string
		errors   float64
	}{
		{name: "success", logic: noop},
		{name: "recovered", logic: fail, asked: true},
		{
			name: "replaced", logic: fail, asked: true,
			recovery: func(error) error { return io.EOF }, want: "EOF", errors: 1,
		},
		{
			name: "kept", logic: fail, asked: true,
			recovery: func(err error) error { return err }, want: "done", errors: 1,
		},
		{
			name: "replaced by an expected error", logic: fail, asked: true,
			recovery: func(error) error { return context.Canceled }, want: "context canceled",
		},
		{name: "filter", logic: noop, opts: opts(badFilter), asked: true},
		{
			name:  "expected error",
			logic: func(context.Context, *reflex.Event) error { return errors.Wrap(context.Canceled, "call") },
			want:  "call: context canceled",
		},
		{name: "panic", logic: func(context.Context, *reflex.Event) error { panic("x") }, asked: true},
		{
			name: "panic of the recovery", logic: fail, asked: true,
			recovery: func(error) error { panic("worse") }, want: "panic in consumer: worse", errors: 1,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var (
				asked    bool
				consumer reflex.Consumer
				e        = event(1)
			)
			recovery := func(_ context.Context, got *reflex.Event, c reflex.Consumer, err error) error {
				asked = true
				require.Same(t, e, got)
				require.Equal(t, consumer, c)
				require.Error(t, err)
				if test.recovery == nil {
					return nil
				}
				return test.recovery(err)
			}
			consumer, registry := newConsumer(t, test.logic, append(test.opts, reflex.WithRecoverFunction(recovery))...)
			err := consumer.Consume(t.Context(), e)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			require.Equal(t, test.asked, asked)
			require.Equal(t, map[string]float64{"test": test.errors}, values(t, registry, metricErrors))
			require.Equal(t, map[string]float64{"test": 1}, values(t, registry, metricLatency))
		})
	}
}

// Without a recovery function a panic counts as an error as well.
func TestPanicOfLogicCountsAsError(t *testing.T) {
	consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error {
		panic(context.Canceled)
	})
	err := consumer.Consume(t.Context(), event(1))
	require.EqualError(t, err, "panic in consumer: context canceled")
	var panicErr *reflex.PanicError
	require.True(t, errors.As(err, &panicErr))
	require.False(t, reflex.IsExpected(err), "a crash is no cancelled context")
	require.Equal(t, map[string]float64{"test": 1}, values(t, registry, metricErrors))
}

func TestExpectedErrorsAreNotCounted(t *testing.T) {
	for _, err := range []error{context.Canceled, reflex.ErrStopped, fate.ErrTempt} {
		consumer, registry := newConsumer(t, func(context.Context, *reflex.Event) error { return err })
		require.Equal(t, err, consumer.Consume(t.Context(), event(1)))
		require.Equal(t, map[string]float64{"test": 0}, values(t, registry, metricErrors))
	}
}

func TestConsumerIsReusableWithoutStop(t *testing.T) {
	failAt := "2"
	consumer, registry := newConsumer(t, func(_ context.Context, e *reflex.Event) error {
		if e.ID == failAt {
			return errDone
		}
		return nil
	})
	store := new(fakeStore)
	spec := reflex.NewSpec(reflex.NewMockStream(events(3), errEnd), store, consumer)
	require.EqualError(t, reflex.Run(t.Context(), spec), "consume error: done")
	require.Equal(t, "1", store.cursor("test"))
	require.Len(t, values(t, registry, metricLag), 1, "still there after Run")

	failAt = "3"
	require.EqualError(t, reflex.Run(t.Context(), spec), "consume error: done")
	require.Equal(t, "2", store.cursor("test"))
	require.Len(t, values(t, registry, metricLag), 1)
}

func TestTypeFilterOfATypelessEventIsAnError(t *testing.T) {
	consumer, _ := newConsumer(t, noop, reflex.WithFilterIncludeTypes(testType(1)))
	err := consumer.Consume(t.Context(), &reflex.Event{ID: "1", Timestamp: time.Now()})
	var panicErr *reflex.PanicError
	require.True(t, errors.As(err, &panicErr))
}
