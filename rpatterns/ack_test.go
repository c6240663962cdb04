package rpatterns_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/fate"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// toHead runs the spec, which is to reach the head of its stream.
func toHead(tb testing.TB, spec reflex.Spec) {
	tb.Helper()
	require.ErrorIs(tb, reflex.Run(tb.Context(), spec), reflex.ErrHeadReached)
}

func ackSome(ids ...string) rpatterns.AckConsumerFunc {
	return func(ctx context.Context, e *rpatterns.AckEvent) error {
		if slices.Contains(ids, e.ID) {
			return e.Ack(ctx)
		}
		return nil
	}
}

func TestOnlyAcksMoveTheCursor(t *testing.T) {
	for _, acks := range [][]string{nil, {"b"}, {"a", "b", "c", "d"}, {"d"}} {
		log, store := newFakeLog("a", "b", "c", "d"), newFakeStore()
		ac := rpatterns.NewAckConsumer("test", store, ackSome(acks...))
		toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
		want := []string{"get"}
		for _, id := range acks {
			want = append(want, "set "+id, "flush")
		}
		require.Equal(t, append(want, "flush"), store.recorded())
	}
}

// A consumer wants one event in a million. Nothing moved its cursor, so after each restart it read all of them again.
func TestFilteredEventsMoveTheCursorOfAnAckConsumer(t *testing.T) {
	log, store := newFakeLog("a", "b"), newFakeStore()
	log.appendEvents(&reflex.Event{ID: "wanted", Type: fakeType(2)})
	log.append("c", "d")
	ac := rpatterns.NewAckConsumer("test", store, ackSome("wanted"), reflex.WithFilterIncludeTypes(fakeType(2)))
	toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
	require.Equal(t, []string{"get", "set a", "set b", "set wanted", "flush", "set c", "set d", "flush"}, store.recorded())
}

// What the logic has in hand must not be passed by the events that are filtered out behind it.
func TestFilteredEventsWaitForTheAcksBeforeThem(t *testing.T) {
	log, store := newFakeLog("a"), newFakeStore()
	log.appendEvents(&reflex.Event{ID: "one", Type: fakeType(2)}, &reflex.Event{ID: "two", Type: fakeType(2)})
	log.append("b", "c")
	var inHand []*rpatterns.AckEvent
	ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
		inHand = append(inHand, e)
		return nil
	}, reflex.WithFilterIncludeTypes(fakeType(2)))
	toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
	require.Equal(t, []string{"get", "set a", "flush"}, store.recorded())

	require.NoError(t, inHand[0].Ack(t.Context()))
	require.Equal(t, "one", store.durable())
	require.NoError(t, inHand[1].Ack(t.Context()))
	require.Equal(t, "c", store.durable(), "those filtered out behind it are passed too")
}

// Two workers finish in the wrong order. The cursor went back to the earlier event, and
// the later ones came again.
func TestCursorDoesNotGoBackWithAnAck(t *testing.T) {
	log, store := newFakeLog("z", "y", "x"), newFakeStore()
	var inHand []*rpatterns.AckEvent
	ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
		inHand = append(inHand, e)
		return nil
	})
	toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
	for _, i := range []int{1, 0, 1, 2, 0} {
		require.NoError(t, inHand[i].Ack(t.Context()))
	}
	require.Equal(t, []string{"get", "flush", "set y", "flush", "flush", "flush", "set x", "flush", "flush"}, store.recorded())
}

// The process is told to stop while an event is being worked on. The work was finished but not written down,
// and was done again after the restart.
func TestAckWorksThoughTheContextIsDone(t *testing.T) {
	log, store := newFakeLog("a", "b"), newFakeStore()
	ctx, cancel := context.WithCancel(t.Context())
	ac := rpatterns.NewAckConsumer("test", store, func(ctx context.Context, e *rpatterns.AckEvent) error {
		cancel()
		return e.Ack(ctx)
	})
	require.ErrorIs(t, reflex.Run(ctx, rpatterns.NewAckSpec(log.stream, ac)), context.Canceled)
	require.Equal(t, "a", store.durable())
}

// hungStore accepts what it is asked and never answers.
type hungStore struct{ reflex.CursorStore }

func (hungStore) SetCursor(ctx context.Context, _, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAckIsBoundedOnceItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var event *rpatterns.AckEvent
		ac := rpatterns.NewAckConsumer("test", hungStore{rpatterns.MemCursorStore()}, func(_ context.Context, e *rpatterns.AckEvent) error {
			event = e
			return nil
		}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		toHead(t, rpatterns.NewAckSpec(newFakeLog("a").stream, ac, reflex.WithStreamToHead()))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, event.Ack(ctx), context.Canceled)
		require.Equal(t, time.Minute+5*time.Second, time.Since(began))

		// One that waits for another is bounded too.
		var wg sync.WaitGroup
		began = time.Now()
		for range 2 {
			wg.Go(func() {
				if err := event.Ack(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("ack: %v", err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

// A worker finishes after its run has ended and another has begun, which has gone further already. Its
// ack set the cursor back.
func TestAckOfAnEarlierRunIsStale(t *testing.T) {
	log, store := newFakeLog("a", "b"), newFakeStore()
	var inHand []*rpatterns.AckEvent
	ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
		inHand = append(inHand, e)
		return nil
	})
	spec := rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead())
	toHead(t, spec)
	toHead(t, spec)
	require.Len(t, inHand, 4)
	require.NoError(t, inHand[3].Ack(t.Context()))
	require.ErrorIs(t, inHand[0].Ack(t.Context()), rpatterns.ErrStaleAck)
	require.ErrorIs(t, inHand[1].Ack(t.Context()), rpatterns.ErrStaleAck)
	require.Equal(t, "b", store.durable())
}

// A failed write must not count as the place where the cursor is.
func TestAckCanBeTriedAgain(t *testing.T) {
	broken := errors.New("broken")
	store := &brokenStore{CursorStore: rpatterns.MemCursorStore(), set: broken}
	var event *rpatterns.AckEvent
	ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
		event = e
		return nil
	})
	toHead(t, rpatterns.NewAckSpec(newFakeLog("a").stream, ac, reflex.WithStreamToHead()))
	require.ErrorIs(t, event.Ack(t.Context()), broken)
	store.set, store.flush = nil, broken
	require.ErrorIs(t, event.Ack(t.Context()), broken)
	store.flush = nil
	require.NoError(t, event.Ack(t.Context()))
	cursor, err := store.GetCursor(t.Context(), "test")
	require.NoError(t, err)
	require.Equal(t, "a", cursor)
}

// An AckConsumer is passed by value where there is one for each shard.
func TestAckConsumerMayBeCopied(t *testing.T) {
	log, store := newFakeLog("a", "b", "c"), newFakeStore()
	original := *rpatterns.NewAckConsumer("test", store, ackSome("b"))
	for _, c := range []rpatterns.AckConsumer{original, original} {
		toHead(t, rpatterns.NewAckSpec(log.stream, &c, reflex.WithStreamToHead()))
	}
	require.Equal(t, []string{"get", "set b", "flush", "flush", "get", "flush"}, store.recorded())
}

func TestAckConsumerWithoutItsSpecSetsEachAck(t *testing.T) {
	store := newFakeStore()
	ac := rpatterns.NewAckConsumer("test", store, func(ctx context.Context, f fate.Fate, e *rpatterns.AckEvent) error {
		require.NotNil(t, f)
		return e.Ack(ctx)
	})
	require.Equal(t, "test", ac.Name())
	for _, id := range []string{"b", "a"} {
		require.NoError(t, ac.Consume(t.Context(), eventWithID(id)))
	}
	require.Equal(t, []string{"set b", "flush", "set a", "flush"}, store.recorded())
}

// The options were lost where the consumer was not run by its spec, and the caller's slice was kept.
func TestAckSpecHasTheOptionsOfItsConsumer(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	opts := []reflex.ConsumerOption{reflex.WithConsumerRegisterer(registry), reflex.WithConsumerFate(fixedFate{errOfLogic})}
	ac := rpatterns.NewAckConsumer("test", newFakeStore(), func(_ context.Context, f fate.Fate, _ *rpatterns.AckEvent) error {
		return f.Tempt()
	}, opts...)
	opts[1] = reflex.WithConsumerFate(fixedFate{})
	spec := rpatterns.NewAckSpec(newFakeLog("a").stream, ac)
	require.Equal(t, "test", spec.Name())
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.Equal(t, map[string]float64{"test": 1}, seriesOf(t, registry, "reflex_consumer_error_count"))
	require.Contains(t, seriesOf(t, registry, "reflex_consumer_lag_seconds"), "test")
	require.NoError(t, spec.Stop())
	require.Empty(t, seriesOf(t, registry, "reflex_consumer_lag_seconds"))
}

// Events of the process's own, as TestParallel of luno/reflex has them, may have no ID. As a cursor that is the start.
func TestFilteredEventWithoutIDIsNoCursor(t *testing.T) {
	log, store := newFakeLog("a"), newFakeStore()
	log.appendEvents(&reflex.Event{Type: fakeType(1)})
	ac := rpatterns.NewAckConsumer("test", store, ackSome(), reflex.WithFilterIncludeTypes(fakeType(2)))
	toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
	require.Equal(t, []string{"get", "set a", "flush"}, store.recorded())
}

// Whatever is filtered out, and in whatever order is acked: the cursor passes no event of the logic that neither
// has an ack nor is before one that has, never goes back, and is as far as that allows.
func TestCursorOfAcks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// 0 is filtered out, 1 goes to the logic; then acks come in any order, some in between.
		wanted := rapid.SliceOfN(rapid.Bool(), 1, 12).Draw(t, "wanted")
		// All is drawn beforehand: how rapid ends an attempt, a consumer takes for a panic of the logic.
		during := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 99), 0, 2), len(wanted), len(wanted)).Draw(t, "acks of each event")
		afterwards := rapid.SliceOfN(rapid.IntRange(0, 99), 0, len(wanted)).Draw(t, "acks at the end")
		log, store := newFakeLog(), newFakeStore()
		for i, w := range wanted {
			kind := fakeType(1)
			if w {
				kind = 2
			}
			log.appendEvents(&reflex.Event{ID: strconv.Itoa(i), Type: kind})
		}
		var (
			inHand    []*rpatterns.AckEvent
			delivered int // events
			acked     = -1
			cursor    = -1
		)
		check := func(settled bool) {
			now := -1
			if got, _ := store.GetCursor(context.Background(), "test"); got != "" {
				now, _ = strconv.Atoi(got)
			}
			require.GreaterOrEqual(t, now, cursor, "the cursor went back")
			cursor = now
			most := acked
			for most+1 < delivered && !wanted[most+1] {
				most++
			}
			require.LessOrEqual(t, cursor, most, "the cursor passed what is in hand")
			require.GreaterOrEqual(t, cursor, acked, "the cursor is behind")
			// What was filtered out between two events of the logic need not count until the latter is acked.
			if settled && (len(inHand) == 0 || acked == int(inHand[len(inHand)-1].IDInt())) {
				require.Equal(t, most, cursor, "the cursor is behind")
			}
		}
		ackOne := func(pick int) {
			e := inHand[pick%len(inHand)]
			require.NoError(t, e.Ack(context.Background()))
			acked = max(acked, int(e.IDInt()))
		}
		ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
			delivered = int(e.IDInt()) + 1
			inHand = append(inHand, e)
			check(false)
			for _, pick := range during[delivered-1] {
				ackOne(pick)
				check(false)
			}
			return nil
		}, reflex.WithFilterIncludeTypes(fakeType(2)), reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		require.ErrorIs(t, reflex.Run(context.Background(), rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead())), reflex.ErrHeadReached)
		delivered = len(wanted)
		check(true)
		if len(inHand) == 0 {
			return
		}
		for _, pick := range afterwards {
			ackOne(pick)
			check(true)
		}
	})
}

// monotonic refuses cursors that go back.
type monotonic struct {
	reflex.CursorStore

	mu   sync.Mutex
	last int64
}

func (s *monotonic) SetCursor(_ context.Context, _, cursor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := strconv.ParseInt(cursor, 10, 64)
	if err == nil && at < s.last {
		err = errors.New("cursor went back from " + strconv.FormatInt(s.last, 10) + " to " + cursor)
	}
	s.last = at
	return err
}

// Acks of many goroutines overtook each other on the way to the store.
func TestConcurrentAcksSetTheCursorInOrder(t *testing.T) {
	const events = 500
	log, store := newFakeLog(), &monotonic{CursorStore: rpatterns.MemCursorStore()}
	for i := range events {
		log.append(strconv.Itoa(i))
	}
	work := make(chan *rpatterns.AckEvent, events)
	ac := rpatterns.NewAckConsumer("test", store, func(_ context.Context, e *rpatterns.AckEvent) error {
		work <- e
		return nil
	})
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for e := range work {
				if rand.N(4) == 0 {
					continue // a later ack is for this one too
				}
				if err := e.Ack(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	toHead(t, rpatterns.NewAckSpec(log.stream, ac, reflex.WithStreamToHead()))
	close(work)
	workers.Wait()
}

// Two runs of one spec make no sense, but must not corrupt it either.
func TestRunsOfAnAckSpecDoNotRace(t *testing.T) {
	log := newFakeLog("a", "b", "c", "d")
	spec := rpatterns.NewAckSpec(log.stream, rpatterns.NewAckConsumer("test", newFakeStore(),
		func(ctx context.Context, e *rpatterns.AckEvent) error {
			if err := e.Ack(ctx); !errors.Is(err, rpatterns.ErrStaleAck) {
				return err
			}
			return nil
		}), reflex.WithStreamToHead())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := reflex.Run(t.Context(), spec); !errors.Is(err, reflex.ErrHeadReached) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
