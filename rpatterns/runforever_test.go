package rpatterns_test

import (
	"bytes"
	"context"
	"io"
	"sync"
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

var errRunBroken = errors.New("broken")

// runs notes when each run began, and can be stopped.
type runs struct {
	mu    sync.Mutex
	began []time.Duration
	start time.Time
	stops int
	end   func(run int) error // of the run, from 1; nil blocks until the context is done
}

func newRuns(end func(run int) error) *runs { return &runs{start: time.Now(), end: end} }

func (*runs) Name() string                                 { return "runs" }
func (*runs) Consume(context.Context, *reflex.Event) error { return nil }
func (r *runs) Stop() error                                { r.mu.Lock(); defer r.mu.Unlock(); r.stops++; return nil }

func (r *runs) stream(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	r.mu.Lock()
	r.began = append(r.began, time.Since(r.start))
	run := len(r.began)
	r.mu.Unlock()
	if err := r.end(run); err != nil {
		return nil, err
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (r *runs) spec() reflex.Spec { return reflex.NewSpec(r.stream, rpatterns.MemCursorStore(), r) }

func (r *runs) list() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Duration(nil), r.began...)
}

func (r *runs) stopped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stops
}

func alwaysCtx(ctx context.Context) func() context.Context {
	return func() context.Context { return ctx }
}

// requireGaps checks that the runs were that far apart, give or take the jitter.
func requireGaps(t *testing.T, began []time.Duration, want ...time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, len(began), len(want)+1)
	for i, gap := range want {
		require.InDelta(t, gap.Seconds(), (began[i+1] - began[i]).Seconds(), 0.2*gap.Seconds()+0.001, "pause %d of %v", i+1, began)
	}
}

func captureRunLogs(t *testing.T) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	log.SetDefaultLoggerForTesting(t, &buf)
	return &buf
}

// Upstream slept a minute after each unexpected error.
func TestRunForeverBacksOffWithGrowth(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		r := newRuns(func(int) error { return errRunBroken })

		rpatterns.RunForever(alwaysCtx(ctx), r.spec())

		s := time.Second
		requireGaps(t, r.list(), s, 2*s, 4*s, 8*s, 16*s, 32*s, 60*s, 60*s)
	})
}

func TestRunForeverComesBackSoonAfterExpectedErrors(t *testing.T) {
	logs := captureRunLogs(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := newRuns(func(int) error { return reflex.ErrStopped })

		rpatterns.RunForever(alwaysCtx(ctx), r.spec())

		ms := time.Millisecond
		requireGaps(t, r.list(), 100*ms, 200*ms, 400*ms)
	})
	require.Empty(t, logs.String())
}

func TestRunForeverWithBackoff(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := newRuns(func(int) error { return errRunBroken })

		rpatterns.RunForever(alwaysCtx(ctx), r.spec(), rpatterns.WithRunBackoff(3*time.Second, 5*time.Second))

		requireGaps(t, r.list(), 3*time.Second, 5*time.Second, 5*time.Second)
	})
}

func TestRunForeverStartsAnewAfterALongRun(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := newRuns(func(run int) error {
			if run == 4 {
				passTime(10 * time.Second)
			}
			return errRunBroken
		})

		rpatterns.RunForever(alwaysCtx(ctx), r.spec())

		s := time.Second
		requireGaps(t, r.list(), s, 2*s, 4*s)
		require.InDelta(t, 11, (r.list()[4] - r.list()[3]).Seconds(), 0.21)
	})
}

// A run that consumed an event made progress, however short it was: the next failure has nothing
// to do with the last one.
func TestRunForeverStartsAnewAfterProgress(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var tries []time.Duration
		start := time.Now()
		failures := map[string]int{"1": 3, "2": 2} // then it works
		consumer := reflex.NewConsumer("progress", func(_ context.Context, e *reflex.Event) error {
			tries = append(tries, time.Since(start))
			if failures[e.ID] == 0 {
				return nil
			}
			failures[e.ID]--
			return errRunBroken
		}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		spec := reflex.NewSpec(newFakeLog("1", "2").stream, rpatterns.MemCursorStore(), consumer)

		rpatterns.RunForever(alwaysCtx(ctx), spec)

		s := time.Second
		// 1 fails three times, 2 directly after 1 went well, then with the first pause again.
		requireGaps(t, tries, s, 2*s, 4*s, 0, s, 2*s)
	})
}

// Upstream waited 100 ms and a minute whatever the context said, and never returned.
func TestRunForeverEndsWithItsContext(t *testing.T) {
	for name, end := range map[string]error{
		"in a run":                         nil,
		"in a pause":                       errRunBroken,
		"in a pause after expected errors": reflex.ErrStopped,
	} {
		t.Run(name, func(t *testing.T) {
			log.SetDefaultLoggerForTesting(t, io.Discard)
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				r := newRuns(func(int) error { return end })
				done := make(chan struct{})
				go func() {
					defer close(done)
					rpatterns.RunForever(alwaysCtx(ctx), r.spec())
				}()
				synctest.Wait()
				start := time.Now()

				cancel()

				<-done
				require.Zero(t, time.Since(start))
				require.Equal(t, len(r.list()), r.stopped())
			})
		})
	}
}

// Upstream ran about 60,000 times a second, each with a line of log, when the context was done and what it ended
// with was unexpected.
func TestRunForeverDoesNotSpinWithADoneContext(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	r := newRuns(func(int) error { cancel(); return errRunBroken })

	rpatterns.RunForever(alwaysCtx(ctx), r.spec())

	require.Len(t, r.list(), 1)
}

// This instance is the leader, loses the lease, and becomes the leader again.
func TestRunForeverAsksForTheNextContext(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		var asked int
		getCtx := func() context.Context {
			asked++
			ctx, cancel := context.WithCancel(t.Context())
			switch asked {
			case 1, 3: // leader for a second
				time.AfterFunc(time.Second, cancel)
			default: // 2: the lease was lost the moment it was granted; 4, 5: this is the end
				cancel()
			}
			return ctx
		}
		r := newRuns(func(int) error { return nil })

		rpatterns.RunForever(getCtx, r.spec())

		require.Equal(t, 5, asked)
		require.Equal(t, []time.Duration{0, time.Second}, r.list())
	})
}

// A leader that failed often before it lost the lease starts anew with the next one.
func TestRunForeverForgetsFailuresOfTheLastContext(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		first, cancelFirst := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancelFirst()
		second, cancelSecond := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancelSecond()
		getCtx := func() context.Context {
			if first.Err() == nil {
				return first
			}
			return second
		}
		r := newRuns(func(run int) error {
			if run == 4 {
				return nil // until its context ends
			}
			return errRunBroken
		})

		rpatterns.RunForever(getCtx, r.spec())

		s := time.Second
		requireGaps(t, r.list(), s, 2*s, 4*s)
		require.Equal(t, 10*s, r.list()[4])
		requireGaps(t, r.list()[4:], s, 2*s)
	})
}

func TestRunForeverStopsTheSpecBeforeThePause(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRuns(func(int) error { return errRunBroken })
		done := make(chan struct{})
		go func() {
			defer close(done)
			rpatterns.RunForever(alwaysCtx(ctx), r.spec())
		}()
		synctest.Wait() // in the first pause

		require.Len(t, r.list(), 1)
		require.Equal(t, 1, r.stopped())

		cancel()
		<-done
	})
}

func TestRunForeverLogsWhatIsUnexpected(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		logged bool
	}{
		{"unexpected", errRunBroken, true},
		{"stopped", reflex.ErrStopped, false},
		{"head", reflex.ErrHeadReached, false},
		{"head, and a lost flush", errors.Join(reflex.ErrHeadReached, &reflex.CleanupError{Flush: errRunBroken}), true},
		{"cancelled", context.Canceled, false},
		{"stopped, and a lost flush", errors.Join(reflex.ErrStopped, &reflex.CleanupError{Flush: errRunBroken}), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			logs := captureRunLogs(t)
			r := newRuns(func(int) error { return tc.err })
			once := rpatterns.WithRunPolicy(func(error, int) (time.Duration, bool) { return 0, false })

			rpatterns.RunForever(alwaysCtx(t.Context()), r.spec(), once)

			require.Len(t, r.list(), 1)
			if !tc.logged {
				require.Empty(t, logs.String())
				return
			}
			require.Contains(t, logs.String(), "run forever error: ")
			require.Contains(t, logs.String(), `{"key":"consumer","value":"runs"}`)
		})
	}
}

func TestRunForeverAsksThePolicy(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		var asked []int
		r := newRuns(func(int) error { return errRunBroken })

		rpatterns.RunForever(alwaysCtx(t.Context()), r.spec(), rpatterns.WithRunPolicy(
			func(err error, failures int) (time.Duration, bool) {
				require.ErrorIs(t, err, errRunBroken)
				asked = append(asked, failures)
				return time.Duration(failures) * time.Hour, failures < 3
			}))

		require.Equal(t, []int{1, 2, 3}, asked)
		requireGaps(t, r.list(), time.Hour, 2*time.Hour)
		require.Equal(t, 3, r.stopped())
	})
}

// A policy without a pause, on what fails at once, would keep a processor busy.
func TestRunForeverPausesWhateverThePolicySays(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := newRuns(func(int) error { return errRunBroken })

		rpatterns.RunForever(alwaysCtx(ctx), r.spec(), rpatterns.WithRunPolicy(
			func(error, int) (time.Duration, bool) { return -1, true }))

		require.InDelta(t, 1000, len(r.list()), 2)
	})
}

// passTime lets virtual time go by.
func passTime(d time.Duration) { <-time.After(d) }
