package rpatterns_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jettison "github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// concurrentVariant is a consumer that handles events concurrently.
type concurrentVariant interface {
	reflex.Consumer
	reflex.Stopper
}

// concurrentVariants are those that there are. The foreign ID of a fakeLog's event is its ID, so each
// event has a key of its own.
func concurrentVariants() map[string]newVariant {
	return map[string]newVariant{
		"concurrent": func(store reflex.CursorStore, consumer reflex.Consumer, limit int) (concurrentVariant, specOf) {
			c := rpatterns.NewConcurrentConsumer(store, consumer, limit)
			return c, func(stream reflex.StreamFunc, opts ...reflex.StreamOption) reflex.Spec {
				return rpatterns.NewConcurrentSpec(stream, c, opts...)
			}
		},
		"keyed": func(store reflex.CursorStore, consumer reflex.Consumer, limit int) (concurrentVariant, specOf) {
			c := rpatterns.NewKeyedConsumer(store, consumer, nil, limit)
			return c, func(stream reflex.StreamFunc, opts ...reflex.StreamOption) reflex.Spec {
				return rpatterns.NewKeyedSpec(stream, c, opts...)
			}
		},
	}
}

type (
	newVariant = func(reflex.CursorStore, reflex.Consumer, int) (concurrentVariant, specOf)
	specOf     = func(reflex.StreamFunc, ...reflex.StreamOption) reflex.Spec
)

type variantTest struct {
	*testing.T
	variant newVariant
}

// eachVariant runs the test for each, in virtual time. The test ends only if no goroutine is left.
func eachVariant(t *testing.T, test func(t variantTest)) {
	t.Helper()
	for name, variant := range concurrentVariants() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(variantTest{t, variant}) })
		})
	}
}

// handler is a consumer that is nothing but its logic.
type handler func(context.Context, *reflex.Event) error

func (handler) Name() string                                         { return "test" }
func (h handler) Consume(ctx context.Context, e *reflex.Event) error { return h(ctx, e) }

// startRun runs the spec until its context is done.
func startRun(tb testing.TB, s reflex.Spec) (cancel context.CancelFunc, result <-chan error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- reflex.Run(ctx, s) }()
	return cancel, done
}

func numbers(from, to int) []string {
	var ids []string
	for i := from; i <= to; i++ {
		ids = append(ids, strconv.Itoa(i))
	}
	return ids
}

func sleepFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAsManyAreHandledAtOnceAsMayBe(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var (
			mu        sync.Mutex
			now, most int
		)
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(ctx context.Context, _ *reflex.Event) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				now--
			}()
			return sleepFor(ctx, time.Second)
		}), 4)
		start := time.Now()
		err := reflex.Run(t.Context(), spec(newFakeLog(numbers(1, 40)...).stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.Equal(t, 4, most)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Equal(t, "40", store.durable())
	})
}

// The last event of a stream fails, and no other comes. The failure waited for the next event, so what
// failed was never tried again.
func TestFailureOfTheLastEventEndsTheRunAtOnce(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		boom := errors.New("boom")
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(ctx context.Context, e *reflex.Event) error {
			if e.ID != "2" {
				return nil
			}
			return errors.Join(sleepFor(ctx, time.Second), boom)
		}), 4)
		cancel, result := startRun(t, spec(newFakeLog("1", "2").stream))
		defer cancel()

		err := <-result
		require.ErrorIs(t, err, boom)
		require.EqualError(t, err, "consume error: boom")
		keys := fmt.Sprint(jettison.GetKeyValues(err))
		require.Contains(t, keys, "event_id:2")
		require.Contains(t, keys, "error_event_id:2")
		require.Equal(t, "1", store.durable(), "what was done is not done again")
	})
}

// A failure lets what is with handlers end well, and begins nothing else. The cursor stays before
// what failed, and the next run begins there.
func TestFailureKeepsTheCursorAndBeginsNothingElse(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var (
			mu      sync.Mutex
			handled []string
			healed  bool
		)
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(ctx context.Context, e *reflex.Event) error {
			mu.Lock()
			defer mu.Unlock()
			if e.ID == "2" && !healed {
				return errors.New("boom")
			}
			mu.Unlock()
			err := sleepFor(ctx, time.Second)
			mu.Lock()
			handled = append(handled, e.ID)
			return err
		}), 3)
		log := newFakeLog(numbers(1, 9)...)
		err := reflex.Run(t.Context(), spec(log.stream, reflex.WithStreamToHead()))
		require.ErrorContains(t, err, "boom")
		require.Contains(t, handled, "1")
		require.Less(t, len(handled), 3, "what was with handlers is finished, and no more: %v", handled)
		require.Equal(t, "1", store.durable())

		healed, handled = true, nil
		err = reflex.Run(t.Context(), spec(log.stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.ElementsMatch(t, numbers(2, 9), handled)
		require.Equal(t, []string{"", "1"}, log.openedAfter())
		require.Equal(t, "9", store.durable())
	})
}

// A run to the head fails with its last event. That the head was reached hid the failure.
func TestFailureBeforeTheHeadIsNotHiddenByIt(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		boom := errors.New("boom")
		_, spec := t.variant(newFakeStore(), handler(func(ctx context.Context, _ *reflex.Event) error {
			return errors.Join(sleepFor(ctx, time.Second), boom)
		}), 4)
		err := reflex.Run(t.Context(), spec(newFakeLog("1").stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, boom)
		require.NotErrorIs(t, err, reflex.ErrHeadReached)
	})
}

// Cursors are text: numbers that are not compared, 0, names, in any order.
func TestAnyCursorWillDo(t *testing.T) {
	for _, ids := range [][]string{{"0"}, {"0", "1"}, {"b", "a|3", "", "c"}, {"9", "10"}, {"-1", "x"}} {
		t.Run(fmt.Sprint(ids), func(t *testing.T) {
			eachVariant(t, func(t variantTest) {
				store := newFakeStore()
				var mu sync.Mutex
				var left int
				_, spec := t.variant(store, handler(func(ctx context.Context, _ *reflex.Event) error {
					mu.Lock()
					left++
					d := time.Duration(10-left) * time.Second // The first is done last.
					mu.Unlock()
					return sleepFor(ctx, d)
				}), 4)
				cancel, result := startRun(t, spec(newFakeLog(ids...).stream))
				synctest.Wait()
				require.Equal(t, []string{"get"}, store.recorded(), "the cursor is not ahead of the first")

				// On a stream that is quiet the cursor is set all the same.
				require.NoError(t, sleepFor(t.Context(), time.Minute))
				last := ids[len(ids)-1]
				require.Equal(t, "set "+last, slices.Compact(store.recorded())[1])
				cancel()
				require.EqualError(t, <-result, "recv error: context canceled")
				require.Equal(t, last, store.durable())
			})
		})
	}
}

// A consumer that may have nothing in flight blocked for ever, or panicked.
func TestALimitOfNothingIsAnError(t *testing.T) {
	for _, limit := range []int{0, -1} {
		eachVariant(t, func(t variantTest) {
			c, spec := t.variant(newFakeStore(), handler(nil), limit)
			require.ErrorIs(t, c.Consume(t.Context(), &reflex.Event{ID: "1"}), rpatterns.ErrInvalidLimit)
			err := reflex.Run(t.Context(), spec(newFakeLog("1").stream))
			require.ErrorIs(t, err, rpatterns.ErrInvalidLimit)
			require.ErrorContains(t, err, "maxInFlight is "+strconv.Itoa(limit))
		})
	}
	c := rpatterns.NewKeyedConsumer(newFakeStore(), handler(nil), nil, 4, rpatterns.WithKeyedWindow(3))
	require.ErrorIs(t, c.Reset(t.Context()), rpatterns.ErrInvalidLimit)
	require.ErrorContains(t, c.Consume(t.Context(), &reflex.Event{ID: "1"}), "window is 3")
}

// The window is full behind a handler that is stuck. Consume waited for it without looking at its context.
func TestConsumeThatWaitsForRoomObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		c := rpatterns.NewKeyedConsumer(newFakeStore(), handler(func(context.Context, *reflex.Event) error {
			<-free
			return nil
		}), nil, 1, rpatterns.WithKeyedWindow(2))
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "1"}))
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "2"}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Consume(ctx, &reflex.Event{ID: "3"}), context.DeadlineExceeded)
		close(free)
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "3"}))
		require.NoError(t, c.Stop())
		require.ErrorIs(t, c.Consume(t.Context(), &reflex.Event{ID: "4"}), reflex.ErrStopped)
	})
}

// A failure must reach a Consume that waits for room too: no other event comes.
func TestConsumeThatWaitsForRoomEndsWithAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		c := rpatterns.NewKeyedConsumer(newFakeStore(), handler(func(ctx context.Context, _ *reflex.Event) error {
			return errors.Join(sleepFor(ctx, time.Second), boom)
		}), nil, 1, rpatterns.WithKeyedWindow(1))
		spec := rpatterns.NewKeyedSpec(newFakeLog("1", "2").stream, c)
		require.ErrorIs(t, reflex.Run(t.Context(), spec), boom)
	})
}

// A panic, or the end of the goroutine, beside Run ended the process.
func TestPanicOfAHandlerIsAnErrorOfTheRun(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(_ context.Context, e *reflex.Event) error {
			if e.ID == "2" {
				panic("boom")
			}
			return nil
		}), 4)
		err := reflex.Run(t.Context(), spec(newFakeLog("1", "2").stream))
		var panicked *reflex.PanicError
		require.ErrorAs(t, err, &panicked)
		require.Equal(t, "boom", panicked.Value)
		require.Contains(t, string(panicked.Stack), "TestPanicOfAHandler")
		require.False(t, reflex.IsExpected(err))
		require.Equal(t, "1", store.durable())
	})
}

func TestHandlerThatEndsItsGoroutineIsAnErrorOfTheRun(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		_, spec := t.variant(newFakeStore(), handler(func(context.Context, *reflex.Event) error {
			runtime.Goexit()
			return nil
		}), 4)
		err := reflex.Run(t.Context(), spec(newFakeLog("1").stream))
		require.EqualError(t, err, "consume error: handler ended its goroutine")
	})
}

// The run ended without waiting for what was in flight. Its cursor was set after the last flush,
// and got lost.
func TestTheCursorOfWhatIsInFlightIsFlushed(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(context.Context, *reflex.Event) error {
			// It finishes what it has begun: this is no error.
			return sleepFor(context.Background(), time.Second)
		}), 4)
		cancel, result := startRun(t, spec(newFakeLog("1", "2", "3").stream))
		synctest.Wait()
		cancel()
		require.EqualError(t, <-result, "recv error: context canceled")
		calls := store.recorded()
		require.Equal(t, []string{"set 3", "flush"}, calls[len(calls)-2:])
	})
}

// bufferedStore reads what was flushed, as a store over a database does.
type bufferedStore struct{ *fakeStore }

func (s bufferedStore) GetCursor(ctx context.Context, name string) (string, error) {
	if _, err := s.fakeStore.GetCursor(ctx, name); err != nil {
		return "", err
	}
	return s.durable(), nil
}

// A handler ignores its context for longer than Run waits. The next run must not begin beside it:
// it would handle the event a second time, and then the first would take the cursor back.
func TestTheNextRunWaitsForWhatIsLate(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var (
			mu      sync.Mutex
			handled []string
		)
		store := bufferedStore{newFakeStore()}
		_, spec := t.variant(store, handler(func(_ context.Context, e *reflex.Event) error {
			if e.ID == "1" {
				require.NoError(t, sleepFor(context.Background(), 25*time.Second))
			}
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, e.ID)
			return nil
		}), 2)
		log := newFakeLog("1", "2")
		cancel, result := startRun(t, spec(log.stream))
		synctest.Wait()
		start := time.Now()
		cancel()
		err := <-result
		require.Equal(t, 9*time.Second, time.Since(start))
		require.ErrorIs(t, err, rpatterns.ErrInFlight)
		require.ErrorContains(t, err, `consumer "test": 1 handlers have not returned within 9s`)
		var cleanup *reflex.CleanupError
		require.ErrorAs(t, err, &cleanup)
		require.ErrorIs(t, cleanup.Close, rpatterns.ErrInFlight)
		require.False(t, reflex.IsExpected(err))

		// It waits 9 s, and says so.
		err = reflex.Run(t.Context(), spec(log.stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, rpatterns.ErrInFlight)
		require.ErrorContains(t, err, "get cursor error: ")
		require.Equal(t, 18*time.Second, time.Since(start))
		// It obeys its context.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, reflex.Run(ctx, spec(log.stream)), context.DeadlineExceeded)

		err = reflex.Run(t.Context(), spec(log.stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.Equal(t, 25*time.Second, time.Since(start))
		require.Equal(t, []string{"2", "1"}, handled, "none was handled twice")
		require.Equal(t, []string{"", "2"}, log.openedAfter())
		require.Zero(t, log.openStreams())
		require.Equal(t, "2", store.durable())
	})
}

// What fails while the run ends is an error that nobody else would return.
func TestFailureDuringTheShutdownIsNotLost(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		boom := errors.New("boom")
		fail := boom
		_, spec := t.variant(newFakeStore(), handler(func(ctx context.Context, _ *reflex.Event) error {
			<-ctx.Done()
			if fail == nil {
				return ctx.Err()
			}
			return errors.Join(sleepFor(context.Background(), time.Second), fail)
		}), 4)
		cancel, result := startRun(t, spec(newFakeLog("1").stream))
		synctest.Wait()
		cancel()
		err := <-result
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, boom)

		// One that ends because its context does is a clean end.
		fail = nil
		cancel, result = startRun(t, spec(newFakeLog("1").stream))
		synctest.Wait()
		cancel()
		err = <-result
		require.True(t, reflex.IsExpected(err), "%v", err)
	})
}

// What was handed over and not begun when the context ends comes again. It is not handled on a context that
// is done, where a handler might take what it could not do for done.
func TestNothingIsBegunAfterTheContextIsDone(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var handled []string
		free := make(chan struct{})
		store := newFakeStore()
		c, _ := t.variant(store, handler(func(_ context.Context, e *reflex.Event) error {
			handled = append(handled, e.ID)
			<-free
			return nil
		}), 1)
		ctx, cancel := context.WithCancel(t.Context())
		for _, id := range numbers(1, 3) {
			require.NoError(t, c.Consume(ctx, &reflex.Event{ID: id, ForeignID: id}))
		}
		synctest.Wait()
		cancel()
		close(free)
		require.NoError(t, c.Stop())
		require.Equal(t, []string{"1"}, handled)
		require.ErrorIs(t, c.Consume(t.Context(), &reflex.Event{ID: "4"}), context.Canceled)
		cursor, err := store.GetCursor(t.Context(), "test")
		require.NoError(t, err)
		require.Equal(t, "1", cursor)
	})
}

// failingStore fails to set some cursors.
type failingStore struct {
	*fakeStore
	fail func(cursor string) error
}

func (s failingStore) SetCursor(ctx context.Context, name, cursor string) error {
	if err := s.fail(cursor); err != nil {
		return err
	}
	return s.fakeStore.SetCursor(ctx, name, cursor)
}

// A cursor that can't be set was only logged, and the consumer went on, for days if need be.
func TestCursorThatCantBeSetEndsTheRun(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		boom := errors.New("boom")
		fails := 1
		store := failingStore{fakeStore: newFakeStore(), fail: func(string) error {
			if fails--; fails < 0 {
				return nil
			}
			return boom
		}}
		_, spec := t.variant(store, handler(noop), 4)
		err := reflex.Run(t.Context(), spec(newFakeLog("1").stream))
		require.EqualError(t, err, "recv error: set cursor error: boom")
		require.Equal(t, "1", store.durable(), "it is tried once more at the end")

		fails = 2
		err = reflex.Run(t.Context(), spec(newFakeLog("1", "2").stream))
		require.ErrorIs(t, err, boom)
		var cleanup *reflex.CleanupError
		require.ErrorAs(t, err, &cleanup)
		require.ErrorIs(t, cleanup.Close, boom)

		store.fail = func(string) error { panic("store") }
		_, spec = t.variant(store, handler(noop), 4)
		err = reflex.Run(t.Context(), spec(newFakeLog("1", "2").stream))
		var panicked *reflex.PanicError
		require.ErrorAs(t, err, &panicked)
	})
}

// slowStore never answers, but to a context that is done.
type slowStore struct{ *fakeStore }

func (slowStore) SetCursor(ctx context.Context, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestCursorIsGivenUpAfterAWhile(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		_, spec := t.variant(slowStore{newFakeStore()}, handler(noop), 4)
		start := time.Now()
		err := reflex.Run(t.Context(), spec(newFakeLog("1").stream))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, reflex.IsExpected(err), "a cursor was lost")
		require.Less(t, time.Since(start), 15*time.Second)
		require.NoError(t, sleepFor(t.Context(), time.Minute))
	})
}

// Of one consumer no two cursors are set at once, none is older than the one before, and a store that
// is slow is not asked more often than it answers.
func TestCursorsAreSetOneAfterTheOther(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var (
			mu   sync.Mutex
			busy bool
			set  []int
		)
		store := failingStore{fakeStore: newFakeStore(), fail: func(cursor string) error {
			mu.Lock()
			require.False(t, busy)
			busy = true
			n, err := strconv.Atoi(cursor)
			set = append(set, n)
			mu.Unlock()
			err = errors.Join(err, sleepFor(context.Background(), 100*time.Millisecond))
			mu.Lock()
			defer mu.Unlock()
			busy = false
			return err
		}}
		_, spec := t.variant(store, handler(func(ctx context.Context, e *reflex.Event) error {
			return sleepFor(ctx, time.Duration(e.IDInt()%7)*time.Millisecond)
		}), 8)
		err := reflex.Run(t.Context(), spec(newFakeLog(numbers(1, 999)...).stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.True(t, slices.IsSorted(set), "%v", set)
		require.Less(t, len(set), 20)
		require.Equal(t, 999, set[len(set)-1])
	})
}

// A store may write each cursor through to a database, and the mark moves a million times a second.
func TestCursorsAreSetEveryTenMilliseconds(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		_, spec := t.variant(store, handler(func(ctx context.Context, _ *reflex.Event) error {
			return sleepFor(ctx, time.Millisecond)
		}), 1)
		err := reflex.Run(t.Context(), spec(newFakeLog(numbers(1, 500)...).stream, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		sets := len(store.recorded()) - len([]string{"get", "flush"})
		require.Greater(t, sets, 40)
		require.Less(t, sets, 60)
	})
}

// statefulConsumer notes what is asked of it.
type statefulConsumer struct {
	handler
	calls []string
	ctx   context.Context
}

func (c *statefulConsumer) Reset(ctx context.Context) error {
	c.calls, c.ctx = append(c.calls, "reset"), ctx
	return nil
}

func (c *statefulConsumer) Stop() error {
	c.calls = append(c.calls, "stop")
	return nil
}

// The consumer inside was neither reset nor stopped, so its state and its metrics stayed behind.
func TestTheConsumerInsideIsResetAndStopped(t *testing.T) {
	type key struct{}
	eachVariant(t, func(t variantTest) {
		inner := &statefulConsumer{handler: noop}
		_, spec := t.variant(newFakeStore(), inner, 4)
		s := spec(newFakeLog("1").stream, reflex.WithStreamToHead())
		ctx := context.WithValue(t.Context(), key{}, "value")
		require.ErrorIs(t, reflex.Run(ctx, s), reflex.ErrHeadReached)
		require.Equal(t, []string{"reset"}, inner.calls)
		require.Equal(t, "value", inner.ctx.Value(key{}))
		require.NoError(t, s.Stop())
		require.Equal(t, []string{"reset", "stop"}, inner.calls)
		require.NoError(t, s.Stop())
		require.ErrorIs(t, reflex.Run(ctx, s), reflex.ErrHeadReached, "it can be run again")
	})
}

func TestStopEndsARunThatGoesOn(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		c, spec := t.variant(store, handler(func(ctx context.Context, _ *reflex.Event) error {
			return sleepFor(ctx, time.Second)
		}), 4)
		cancel, result := startRun(t, spec(newFakeLog("1").stream))
		defer cancel()
		synctest.Wait()
		require.NoError(t, c.Stop())
		err := <-result
		require.ErrorIs(t, err, reflex.ErrStopped)
		require.True(t, reflex.IsExpected(err))
		require.Equal(t, "1", store.durable())
	})
}

// A consumer is run twice at once. Both would handle the same events, and take each other's cursor back.
func TestOneConsumerIsRunOnceAtATime(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		_, spec := t.variant(store, handler(noop), 4)
		s := spec(newFakeLog("1").stream)
		cancel, first := startRun(t, s)
		synctest.Wait()
		err := reflex.Run(t.Context(), s)
		require.ErrorIs(t, err, rpatterns.ErrInFlight)
		require.ErrorContains(t, err, "another Run of it goes on")

		// If the first ends meanwhile, the second takes over.
		again, second := startRun(t, s)
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-first, context.Canceled)
		again()
		require.ErrorIs(t, <-second, context.Canceled)
		require.Equal(t, "1", store.durable())
	})
}

// Both runs have read the cursor before either is there to be seen.
func TestOneOfTwoRunsThatBeginAtOnceIsRefused(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		var both sync.WaitGroup
		both.Add(2)
		inner := &meetingConsumer{handler: noop, both: &both}
		_, spec := t.variant(newFakeStore(), inner, 4)
		requireOneOfTwo(t, spec(newFakeLog("1").stream))
	})
}

// requireOneOfTwo requires that of two runs at once one is refused, and the other goes on.
func requireOneOfTwo(tb testing.TB, s reflex.Spec) {
	tb.Helper()
	cancel, first := startRun(tb, s)
	defer cancel()
	synctest.Wait()
	alsoCancel, second := startRun(tb, s)
	defer alsoCancel()
	var err error
	select {
	case err = <-first:
		first = second
	case err = <-second:
	}
	require.ErrorIs(tb, err, rpatterns.ErrInFlight)
	require.ErrorContains(tb, err, "is run twice at once")
	cancel()
	alsoCancel()
	require.ErrorIs(tb, <-first, context.Canceled)
}

// The one resets the consumer after the other has, and before that opens its stream.
func TestOneOfTwoRunsOfTheSameResetIsRefused(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		_, spec := t.variant(newFakeStore(), handler(noop), 4)
		var mu sync.Mutex
		var calls int
		second := make(chan struct{})
		// Run resolves its options between the two.
		meet := func(*reflex.StreamOptions) {
			mu.Lock()
			calls++
			n := calls
			mu.Unlock()
			switch n {
			case 1:
				<-second
			case 2:
				close(second)
			}
		}
		requireOneOfTwo(t, spec(newFakeLog("1").stream, meet))
	})
}

type meetingConsumer struct {
	handler
	both *sync.WaitGroup
}

func (c *meetingConsumer) Reset(context.Context) error {
	c.both.Done()
	c.both.Wait()
	return nil
}

// The stream can't be opened: there is no client that Run would close, so nothing may be left behind.
func TestStreamThatDoesNotOpenLeavesNothingBehind(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		_, spec := t.variant(newFakeStore(), handler(noop), 4)
		boom := errors.New("boom")
		s := spec(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return nil, boom
		})
		for range 3 {
			require.EqualError(t, reflex.Run(t.Context(), s), "boom")
		}
	})
}

// As the tests of luno/reflex do: no Run, so nobody would hand the events over again.
func TestStopHandlesWhatWasConsumedWithoutRun(t *testing.T) {
	eachVariant(t, func(t variantTest) {
		store := newFakeStore()
		c, _ := t.variant(store, handler(func(ctx context.Context, _ *reflex.Event) error {
			return sleepFor(ctx, time.Millisecond)
		}), 4)
		for _, id := range numbers(1, 100) {
			require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: id, ForeignID: id}))
		}
		require.NoError(t, c.Stop())
		cursor, err := store.GetCursor(t.Context(), "test")
		require.NoError(t, err)
		require.Equal(t, "100", cursor)
	})
}

func TestResetForgetsAFailureAndFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		fail := true
		store := newFakeStore()
		c := rpatterns.NewConcurrentConsumer(store, handler(func(_ context.Context, e *reflex.Event) error {
			if fail && e.ID == "2" {
				return boom
			}
			return nil
		}), 4)
		require.NoError(t, c.Reset())
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "1"}))
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "2"}))
		synctest.Wait()
		require.ErrorIs(t, c.Consume(t.Context(), &reflex.Event{ID: "3"}), boom)
		require.ErrorIs(t, c.Consume(t.Context(), &reflex.Event{ID: "3"}), boom)

		fail = false
		require.NoError(t, c.Reset())
		require.Equal(t, "1", store.durable())
		require.NoError(t, c.Consume(t.Context(), &reflex.Event{ID: "2"}))
		require.NoError(t, c.Stop())
		cursor, err := store.GetCursor(t.Context(), "test")
		require.NoError(t, err)
		require.Equal(t, "2", cursor)
	})
}
