package rpatterns_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/log"
	"github.com/luno/jettison/models"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// drained is a consumer of one function.
type drained func(ctx context.Context, e *reflex.Event) error

func (drained) Name() string                                         { return "drained" }
func (f drained) Consume(ctx context.Context, e *reflex.Event) error { return f(ctx, e) }

// work takes so long, or as long as the context lets it.
func work(d time.Duration) drained {
	return func(ctx context.Context, _ *reflex.Event) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// runDrained runs the consumer over two events, cancels it after a second, and returns what the store was
// asked for, how long the run took after that, and its error.
func runDrained(t *testing.T, consumer reflex.Consumer, spec func(reflex.StreamFunc, reflex.CursorStore, reflex.Consumer) reflex.Spec) ([]string, time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled time.Time
	time.AfterFunc(time.Second, func() { cancelled = time.Now(); cancel() })
	store := newFakeStore()
	err := reflex.Run(ctx, spec(newFakeLog("1", "2").stream, store, consumer))
	return store.recorded(), time.Since(cancelled), err
}

func drainSpec(d time.Duration) func(reflex.StreamFunc, reflex.CursorStore, reflex.Consumer) reflex.Spec {
	return func(stream reflex.StreamFunc, store reflex.CursorStore, c reflex.Consumer) reflex.Spec {
		return rpatterns.NewDrainSpec(stream, store, c, d)
	}
}

// A deployment cancels the run in the middle of an event. The event is finished, its cursor is durable, and the next
// one is not begun.
func TestDrainFinishesTheEventInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, took, err := runDrained(t, work(3*time.Second), drainSpec(10*time.Second))
		require.EqualError(t, err, "recv error: context canceled")
		require.True(t, reflex.IsExpected(err))
		require.Equal(t, 2*time.Second, took)
		require.Equal(t, []string{"get", "set 1", "flush"}, calls)
	})
}

func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, took, err := runDrained(t, work(time.Hour), drainSpec(10*time.Second))
		require.ErrorIs(t, err, rpatterns.ErrDrainTimeout)
		require.Equal(t, 10*time.Second, took)
		require.Equal(t, []string{"get", "flush"}, calls)
	})
}

// Without it, and with nothing of it, the handler is cancelled with the run.
func TestNoDrainIsNoDelay(t *testing.T) {
	for name, spec := range map[string]func(reflex.StreamFunc, reflex.CursorStore, reflex.Consumer) reflex.Spec{
		"none": func(stream reflex.StreamFunc, store reflex.CursorStore, c reflex.Consumer) reflex.Spec {
			return reflex.NewSpec(stream, store, c)
		},
		"zero": drainSpec(0),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, took, err := runDrained(t, work(3*time.Second), spec)
				require.ErrorIs(t, err, context.Canceled)
				require.Zero(t, took)
				require.Equal(t, []string{"get", "flush"}, calls)
			})
		})
	}
}

func TestDrainBeginsNothingNew(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	consumer := rpatterns.NewDrainConsumer(drained(func(context.Context, *reflex.Event) error { ran = true; return nil }), time.Hour)
	require.Equal(t, context.Canceled, consumer.Consume(ctx, oneEvent()))
	require.False(t, ran)
}

// drainSlowStore takes its time to set a cursor, unless its context ends.
type drainSlowStore struct {
	*fakeStore
	d    time.Duration
	sets int
}

func (s *drainSlowStore) SetCursor(ctx context.Context, name, cursor string) error {
	s.sets++
	select {
	case <-time.After(s.d):
		return s.fakeStore.SetCursor(ctx, name, cursor)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The run is cancelled while the cursor of an event that is done is being stored.
func TestDrainStoresTheCursorInHand(t *testing.T) {
	for _, tc := range []struct {
		name  string
		takes time.Duration
		calls []string
		took  time.Duration
	}{
		{"in time", 4 * time.Second, []string{"get", "set 1", "flush"}, 4 * time.Second},
		{"not in time", time.Hour, []string{"get", "flush"}, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var store *drainSlowStore
				calls, took, err := runDrained(t, work(500*time.Millisecond),
					func(stream reflex.StreamFunc, s reflex.CursorStore, c reflex.Consumer) reflex.Spec {
						store = &drainSlowStore{fakeStore: s.(*fakeStore), d: tc.takes}
						return rpatterns.NewDrainSpec(stream, store, c, time.Second)
					})
				require.True(t, reflex.IsExpected(err), err)
				require.Equal(t, tc.took, took)
				require.Equal(t, tc.calls, calls)
				require.Equal(t, 2, store.sets)
			})
		})
	}
}

// drainBrokenStore fails for a reason of its own.
type drainBrokenStore struct {
	reflex.CursorStore
	sets int
}

func (s *drainBrokenStore) SetCursor(context.Context, string, string) error {
	s.sets++
	return errRunBroken
}

func TestDrainDoesNotRetryAStore(t *testing.T) {
	store := &drainBrokenStore{CursorStore: rpatterns.MemCursorStore()}
	err := reflex.Run(t.Context(), rpatterns.NewDrainSpec(newFakeLog("1").stream, store, work(0), time.Second))
	require.ErrorIs(t, err, errRunBroken)
	require.Equal(t, 1, store.sets)
}

func TestDrainContextHasTheValuesOfTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deadline := time.Now().Add(time.Minute)
		ctx, cancel := context.WithDeadline(context.WithValue(t.Context(), partsKey{}, "value"), deadline)
		defer cancel()
		var ids []string
		consumer := drained(func(ctx context.Context, _ *reflex.Event) error {
			require.Equal(t, "value", ctx.Value(partsKey{}))
			require.Nil(t, ctx.Value(new(int)))
			got, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, deadline.Add(time.Second), got)
			require.NoError(t, ctx.Err())
			for _, kv := range log.ContextKeyValues(ctx) {
				if kv == (models.KeyValue{Key: "event_id", Value: strconv.Itoa(len(ids) + 1)}) {
					ids = append(ids, kv.Value)
				}
			}
			return nil
		})
		spec := rpatterns.NewDrainSpec(newFakeLog("1", "2").stream, rpatterns.MemCursorStore(), consumer, time.Second, reflex.WithStreamToHead())
		require.ErrorIs(t, reflex.Run(ctx, spec), reflex.ErrHeadReached)
		require.Equal(t, []string{"1", "2"}, ids)
	})
}

// Each timeout that a handler makes would cost a goroutine if package context didn't know our kind of context.
func TestDrainContextHasChildrenWithoutGoroutines(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := runtime.NumGoroutine()
	var children []context.Context
	var cancels []context.CancelFunc
	consumer := rpatterns.NewDrainConsumer(drained(func(ctx context.Context, _ *reflex.Event) error {
		child, end := context.WithCancel(ctx)
		children, cancels = append(children, child), append(cancels, end)
		return nil
	}), time.Millisecond)
	for range 100 {
		require.NoError(t, consumer.Consume(ctx, oneEvent()))
	}
	require.Less(t, runtime.NumGoroutine(), before+10)

	cancel()
	for _, child := range children {
		<-child.Done()
		require.ErrorIs(t, context.Cause(child), rpatterns.ErrDrainTimeout)
	}
	for _, cancel := range cancels {
		cancel()
	}
}

func TestDrainCostsNearlyNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	consumer := rpatterns.NewDrainConsumer(drained(func(context.Context, *reflex.Event) error { return nil }), time.Second)
	e := oneEvent()
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _ = consumer.Consume(ctx, e) }), 1.0)
}

// Two runs of one consumer end at different times. Events of the one must not have the context of the other, and work
// that an event left behind has time too, such as that of a concurrent consumer.
func TestDrainKnowsRunsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var contexts []context.Context
		consumer := rpatterns.NewDrainConsumer(drained(func(ctx context.Context, _ *reflex.Event) error {
			contexts = append(contexts, ctx)
			return nil
		}), 2*time.Second)
		start := time.Now()
		for seconds := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds+1)*time.Second)
			defer cancel()
			require.NoError(t, consumer.Consume(ctx, oneEvent()))
			require.NoError(t, consumer.Consume(ctx, oneEvent()))
		}
		for i, ctx := range contexts {
			<-ctx.Done()
			require.Equal(t, time.Duration(i/2+3)*time.Second, time.Since(start))
		}
	})
}

// Runs whose events come in turn would otherwise each leave something behind with every event, until they end.
func TestDrainKeepsOneContextARun(t *testing.T) {
	var ends []<-chan struct{}
	consumer := rpatterns.NewDrainConsumer(drained(func(ctx context.Context, _ *reflex.Event) error {
		ends = append(ends, ctx.Done())
		return nil
	}), time.Millisecond)
	first, cancelFirst := context.WithCancel(t.Context())
	defer cancelFirst()
	second, cancelSecond := context.WithCancel(t.Context())
	defer cancelSecond()
	for range 2 {
		require.NoError(t, consumer.Consume(first, oneEvent()))
		require.NoError(t, consumer.Consume(second, oneEvent()))
	}
	require.Equal(t, ends[0], ends[2])
	require.Equal(t, ends[1], ends[3])
	require.NotEqual(t, ends[0], ends[1])
}

func TestDrainIsForSeveralGoroutines(t *testing.T) {
	consumer := rpatterns.NewDrainConsumer(drained(func(ctx context.Context, _ *reflex.Event) error { return ctx.Err() }), time.Minute)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				ctx, cancel := context.WithCancel(context.Background())
				for range 3 {
					if err := consumer.Consume(ctx, oneEvent()); err != nil {
						t.Error(err)
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

// A context without an end needs no other.
func TestDrainOfABackgroundContext(t *testing.T) {
	consumer := rpatterns.NewDrainConsumer(drained(func(ctx context.Context, _ *reflex.Event) error {
		require.Equal(t, context.Background(), ctx)
		return nil
	}), time.Minute)
	require.NoError(t, consumer.Consume(context.Background(), oneEvent()))
}

func TestDrainPassesResetAndStopOn(t *testing.T) {
	p := newParts("0")
	spec := rpatterns.NewDrainSpec(newFakeLog().stream, rpatterns.MemCursorStore(), p, time.Second, reflex.WithStreamToHead())
	require.ErrorIs(t, reflex.Run(t.Context(), spec), reflex.ErrHeadReached)
	require.Error(t, spec.Stop())
	require.Equal(t, []string{"0 reset", "0 stop"}, *p.log)
}
