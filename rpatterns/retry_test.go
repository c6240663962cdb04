package rpatterns_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

var (
	errPoison  = errors.New("poison")
	errOutage  = errors.New("outage")
	errNoRoom  = errors.New("no room for dead letters")
	errPanicky = errors.New("panicky")
)

// tries is a consumer that fails with the errors in turn, then succeeds, and notes when it was called.
type tries struct {
	start  time.Time
	called []time.Duration
	errs   []error
	always error // after errs
}

func failing(errs ...error) *tries   { return &tries{start: time.Now(), errs: errs} }
func failingAlways(err error) *tries { return &tries{start: time.Now(), always: err} }

func (*tries) Name() string { return "tries" }

func (c *tries) Consume(context.Context, *reflex.Event) error {
	c.called = append(c.called, time.Since(c.start))
	err := c.always
	if i := len(c.called) - 1; i < len(c.errs) {
		err = c.errs[i]
	}
	if err == errPanicky { //nolint:errorlint // Its own value.
		panic(err)
	}
	return err
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func oneEvent() *reflex.Event { return &reflex.Event{ID: "7", ForeignID: "order-7"} }

func TestRetryUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := failing(errOutage, errPanicky, errOutage, errOutage)
		require.NoError(t, rpatterns.NewRetryConsumer(inner).Consume(t.Context(), oneEvent()))
		ms := time.Millisecond
		require.Len(t, inner.called, 5)
		requireGaps(t, inner.called, 100*ms, 200*ms, 400*ms, 800*ms)
	})
}

func TestRetrySticks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := failingAlways(errOutage)
		err := rpatterns.NewRetryConsumer(inner).Consume(t.Context(), oneEvent())
		require.ErrorIs(t, err, errOutage)
		require.EqualError(t, err, "retried 4 times: outage")
		require.Len(t, inner.called, 5)
	})
}

func TestRetryBackoffHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := failing(errOutage, errOutage, errOutage, errOutage)
		consumer := rpatterns.NewRetryConsumer(inner, rpatterns.WithRetryBackoff(time.Second, 3*time.Second))
		require.NoError(t, consumer.Consume(t.Context(), oneEvent()))
		s := time.Second
		requireGaps(t, inner.called, s, 2*s, 3*s, 3*s)
	})
}

func TestRetryRules(t *testing.T) {
	skip := func(attempts int) rpatterns.RetryVerdict {
		return rpatterns.RetryVerdict{Attempts: attempts, Outcome: rpatterns.RetrySkip}
	}
	var panicErr *reflex.PanicError
	rules := []rpatterns.RetryOption{
		rpatterns.WithRetryRule(is(errPoison), skip(2)),
		rpatterns.WithRetryRule(func(err error) bool { return errors.As(err, &panicErr) }, skip(0)),
		rpatterns.WithRetryRule(is(errPoison), skip(100)), // the first counts
		rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Attempts: 3}),
	}
	for _, tc := range []struct {
		name  string
		inner *tries
		calls int
		err   error
	}{
		{"by its rule", failingAlways(errPoison), 2, nil},
		{"panic", failingAlways(errPanicky), 1, nil},
		{"by the default", failingAlways(errOutage), 3, errOutage},
		{"the latest error judges, and all attempts count", failing(errOutage, errPoison, errOutage), 2, nil},
		{"one that changes to a worse one", failing(errPoison, errOutage, errOutage, errOutage), 3, errOutage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log.SetDefaultLoggerForTesting(t, io.Discard)
			synctest.Test(t, func(t *testing.T) {
				err := rpatterns.NewRetryConsumer(tc.inner, rules...).Consume(t.Context(), oneEvent())
				if tc.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tc.err)
				}
				require.Len(t, tc.inner.called, tc.calls)
			})
		})
	}
}

func TestRetryForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		inner := failingAlways(errOutage)
		consumer := rpatterns.NewRetryConsumer(inner, rpatterns.WithRetryDefault(
			rpatterns.RetryVerdict{Attempts: rpatterns.RetryForever, Outcome: rpatterns.RetrySkip}))
		require.ErrorIs(t, consumer.Consume(ctx, oneEvent()), context.DeadlineExceeded)
		require.Greater(t, len(inner.called), 300)
	})
}

// What is skipped must be seen, in the log and by whoever counts it.
func TestRetrySkipIsVisible(t *testing.T) {
	logs := captureRunLogs(t)
	var told []string
	consumer := rpatterns.NewRetryConsumer(failingAlways(errPoison),
		rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Outcome: rpatterns.RetrySkip}),
		rpatterns.WithRetryHook(func(_ context.Context, outcome rpatterns.RetryOutcome, name string, e *reflex.Event, cause error) {
			require.Equal(t, rpatterns.RetrySkip, outcome)
			require.ErrorIs(t, cause, errPoison)
			told = append(told, name+" "+e.ID)
		}))
	require.NoError(t, consumer.Consume(t.Context(), oneEvent()))
	require.Equal(t, []string{"tries 7"}, told)
	for _, part := range []string{
		"retry skipped the event: poison", `"level":"error"`,
		`{"key":"consumer","value":"tries"}`, `{"key":"event_id","value":"7"}`, `{"key":"attempts","value":"1"}`,
	} {
		require.Contains(t, logs.String(), part)
	}
}

func TestRetryDeadLetters(t *testing.T) {
	logs := captureRunLogs(t)
	type letter struct {
		name  string
		event *reflex.Event
		cause error
	}
	var kept []letter
	var told []rpatterns.RetryOutcome
	e := oneEvent()
	consumer := rpatterns.NewRetryConsumer(failingAlways(errPoison),
		rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}),
		rpatterns.WithRetryDeadLetter(func(_ context.Context, name string, e *reflex.Event, cause error) error {
			require.Empty(t, told)
			kept = append(kept, letter{name, e, cause})
			return nil
		}),
		rpatterns.WithRetryHook(func(_ context.Context, outcome rpatterns.RetryOutcome, _ string, _ *reflex.Event, _ error) {
			told = append(told, outcome)
		}))
	require.NoError(t, consumer.Consume(t.Context(), e))
	require.Equal(t, []letter{{"tries", e, errPoison}}, kept)
	require.Equal(t, []rpatterns.RetryOutcome{rpatterns.RetryDeadLetter}, told)
	require.Contains(t, logs.String(), "retry dead-lettered the event: poison")
}

// The event would be lost if the consumer went on.
func TestRetrySticksWhenDeadLetteringFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fail   error
		logged bool // as whoever runs it wouldn't
	}{
		"error":    {errNoRoom, false},
		"panic":    {errPanicky, false},
		"time-out": {context.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			logs := captureRunLogs(t)
			hooked := false
			consumer := rpatterns.NewRetryConsumer(failingAlways(errPoison),
				rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}),
				rpatterns.WithRetryDeadLetter(func(context.Context, string, *reflex.Event, error) error {
					if tc.fail == errPanicky { //nolint:errorlint // Its own value.
						panic(tc.fail)
					}
					return tc.fail
				}),
				rpatterns.WithRetryHook(func(context.Context, rpatterns.RetryOutcome, string, *reflex.Event, error) { hooked = true }))

			err := consumer.Consume(t.Context(), oneEvent())

			require.ErrorIs(t, err, errPoison)
			require.ErrorIs(t, err, tc.fail)
			require.ErrorContains(t, err, "poison; dead letter error: ")
			require.False(t, hooked)
			require.Equal(t, tc.logged, logs.Len() > 0)
		})
	}
}

// A shutdown in the last attempt would otherwise skip an event that nobody has consumed: the loss that luno/reflex's
// patterns of this kind had.
func TestRetryOfAShutdownDecidesNothing(t *testing.T) {
	kept := false
	opts := []rpatterns.RetryOption{
		rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}),
		rpatterns.WithRetryRule(func(error) bool { return true }, rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}),
		rpatterns.WithRetryDeadLetter(func(context.Context, string, *reflex.Event, error) error { kept = true; return nil }),
	}
	for name, err := range map[string]error{
		"cancelled": errors.Wrap(context.Canceled, "query"),
		"time-out":  context.DeadlineExceeded,
		"stopped":   reflex.ErrStopped,
	} {
		t.Run(name, func(t *testing.T) {
			inner := failingAlways(err)
			require.Equal(t, err, rpatterns.NewRetryConsumer(inner, opts...).Consume(t.Context(), oneEvent()))
			require.Len(t, inner.called, 1)
		})
	}
	t.Run("a done context, whatever the error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		inner := failingAlways(errPoison)
		err := rpatterns.NewRetryConsumer(inner, opts...).Consume(ctx, oneEvent())
		require.True(t, reflex.IsExpected(err))
		require.Equal(t, "poison", errors.GetKeyValues(err)["cause"])
		require.Len(t, inner.called, 1)
	})
	require.False(t, kept)
}

func TestRetryPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		start := time.Now()
		inner := failingAlways(errPoison)
		err := rpatterns.NewRetryConsumer(inner, rpatterns.WithRetryDefault(
			rpatterns.RetryVerdict{Attempts: 3, Outcome: rpatterns.RetrySkip})).Consume(ctx, oneEvent())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, reflex.IsExpected(err))
		require.Equal(t, 150*time.Millisecond, time.Since(start))
		require.Len(t, inner.called, 2)
	})
}

func TestRetryRulesThatMakeNoSense(t *testing.T) {
	for _, tc := range []struct {
		name    string
		verdict rpatterns.RetryVerdict
		err     error
	}{
		{"nowhere to dead-letter to", rpatterns.RetryVerdict{Outcome: rpatterns.RetryDeadLetter}, rpatterns.ErrNoDeadLetter},
		{"no such outcome", rpatterns.RetryVerdict{Outcome: 7}, rpatterns.ErrRetryVerdict},
		{"less than no attempts", rpatterns.RetryVerdict{Attempts: -2}, rpatterns.ErrRetryVerdict},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, opt := range []rpatterns.RetryOption{
				rpatterns.WithRetryDefault(tc.verdict),
				rpatterns.WithRetryRule(is(errPoison), tc.verdict),
			} {
				inner := failing()
				consumer := rpatterns.NewRetryConsumer(inner, opt)
				// Also when no event comes.
				err := reflex.Run(t.Context(), reflex.NewSpec(newFakeLog().stream, rpatterns.MemCursorStore(), consumer, reflex.WithStreamToHead()))
				require.ErrorIs(t, err, tc.err)
				require.ErrorIs(t, consumer.Consume(t.Context(), oneEvent()), tc.err)
				require.Empty(t, inner.called)
			}
		})
	}
}

func TestRetryPassesResetAndStopOn(t *testing.T) {
	p := newParts("0")
	spec := reflex.NewSpec(newFakeLog().stream, rpatterns.MemCursorStore(), rpatterns.NewRetryConsumer(p), reflex.WithStreamToHead())
	require.ErrorIs(t, reflex.Run(t.Context(), spec), reflex.ErrHeadReached)
	require.Error(t, spec.Stop())
	require.Equal(t, []string{"0 reset", "0 stop"}, *p.log)
}

// Run, all together: the cursor moves past what was skipped, and the error count tells each attempt.
func TestRetryInARun(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		consumer := rpatterns.NewRetryConsumer(
			reflex.NewConsumer("run", func(_ context.Context, e *reflex.Event) error {
				if e.ID == "2" {
					return errPoison
				}
				return nil
			}, reflex.WithConsumerRegisterer(registry)),
			rpatterns.WithRetryDefault(rpatterns.RetryVerdict{Attempts: 3, Outcome: rpatterns.RetrySkip}))
		store := rpatterns.MemCursorStore()
		err := reflex.Run(t.Context(), reflex.NewSpec(newFakeLog("1", "2", "3").stream, store, consumer, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		cursor, err := store.GetCursor(t.Context(), "run")
		require.NoError(t, err)
		require.Equal(t, "3", cursor)
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "reflex_consumer_error_count" {
				require.InDelta(t, 3, f.GetMetric()[0].GetCounter().GetValue(), 0)
			}
		}
	})
}
