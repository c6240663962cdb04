package rpatterns_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

func TestShardsHaveNames(t *testing.T) {
	var names []string
	for _, s := range rpatterns.ConsumerShards("test", 3) {
		names = append(names, s.Name)
	}
	for _, s := range rpatterns.ConsumerShards("test", 2, rpatterns.WithNameFormatter(func(base string, m, n int) string {
		return fmt.Sprintf("%s/%d/%d", base, m, n)
	})) {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"test_1_of_3", "test_2_of_3", "test_3_of_3", "test/0/2", "test/1/2"}, names)
}

// Where an event belongs must never change: another shard would not have consumed what this one has.
func TestShardsOfEvents(t *testing.T) {
	byKey := func(key string) rpatterns.ParallelOption {
		return rpatterns.WithHashFn(func(*reflex.Event) ([]byte, error) { return []byte(key), nil })
	}
	for _, tc := range []struct {
		name   string
		n      int
		opts   []rpatterns.ParallelOption
		events []reflex.Event
		want   []int
	}{
		{"by ID", 3, nil, []reflex.Event{{ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}, {ID: "5"}}, []int{1, 3, 2, 1, 3}},
		{"by ID of 4", 4, nil, []reflex.Event{{ID: "0"}, {ID: "1"}, {ID: "2"}, {ID: "3"}}, []int{4, 3, 2, 1}},
		{
			"by type", 3,
			[]rpatterns.ParallelOption{rpatterns.WithHashOption(rpatterns.HashOptionEventType)},
			[]reflex.Event{{ID: "9", Type: fakeType(1)}, {ID: "8", Type: fakeType(2)}, {ID: "7", Type: fakeType(3)}},
			[]int{1, 3, 2},
		},
		{
			"by foreign ID", 3,
			[]rpatterns.ParallelOption{rpatterns.WithHashOption(rpatterns.HashOptionEventForeignID)},
			[]reflex.Event{{ForeignID: "100"}, {ForeignID: "200"}, {ForeignID: "300"}},
			[]int{1, 2, 2},
		},
		{"by a key", 3, []rpatterns.ParallelOption{byKey("Hello, World")}, []reflex.Event{{ID: "1"}, {ID: "2"}}, []int{2, 2}},
		{
			"the later option holds", 3,
			[]rpatterns.ParallelOption{byKey("Hello, World"), rpatterns.WithHashOption(rpatterns.HashOptionEventID)},
			[]reflex.Event{{ID: "1"}, {ID: "2"}},
			[]int{1, 3},
		},
		{
			"nothing is said", 3,
			[]rpatterns.ParallelOption{rpatterns.WithHashFn(nil), rpatterns.WithHashOption(rpatterns.HashOptionCustomHashFn)},
			[]reflex.Event{{ID: "1"}, {ID: "2"}},
			[]int{1, 3},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			shards := rpatterns.ConsumerShards("test", tc.n, tc.opts...)
			for i := range tc.events {
				require.Equal(t, []int{tc.want[i]}, shardsOf(t, shards, &tc.events[i]), "%+v", tc.events[i])
			}
		})
	}
}

// shardsOf returns the numbers of the shards, from 1, that the event is for.
func shardsOf(tb require.TestingT, shards []rpatterns.ConsumerShard, e *reflex.Event) []int {
	var res []int
	for m, shard := range shards {
		ok, err := shard.GetFilter()(e)
		require.NoError(tb, err)
		if ok {
			res = append(res, m+1)
		}
	}
	return res
}

func TestEachEventIsForOneShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shards := rpatterns.ConsumerShards("test", rapid.IntRange(1, 50).Draw(t, "n"),
			rpatterns.WithHashOption(rapid.SampledFrom([]rpatterns.HashOption{0, 1, 2, 3}).Draw(t, "hash")))
		e := &reflex.Event{
			ID:        rapid.String().Draw(t, "ID"),
			ForeignID: rapid.String().Draw(t, "foreign ID"),
			Type:      fakeType(rapid.Int().Draw(t, "type")),
		}
		require.Len(t, shardsOf(t, shards, e), 1)
	})
}

// Upstream's filter had a hash in common with itself: two goroutines got each other's numbers.
func TestAFilterHasNoState(t *testing.T) {
	shards := rpatterns.ConsumerShards("test", 7)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for id := range 1000 {
				e := &reflex.Event{ID: strconv.Itoa(id)}
				n := 0
				for _, s := range shards {
					if ok, _ := s.GetFilter()(e); ok {
						n++
					}
				}
				if n != 1 {
					t.Errorf("event %d is for %d shards", id, n)
				}
			}
		})
	}
	wg.Wait()
}

// Upstream returned no shards, or divided by zero with the first event.
func TestNoShardsIsAnError(t *testing.T) {
	for _, n := range []int{0, -1} {
		ran := false
		logic := func(context.Context, *reflex.Event) error { ran = true; return nil }
		stream := newFakeLog().stream // also when no event comes
		specs := rpatterns.ParallelSpecs("test", n, stream, rpatterns.MemCursorStore(), logic,
			rpatterns.WithStreamOpts(reflex.WithStreamToHead()),
			rpatterns.WithNameFormatter(func(_ string, m, n int) string { return strconv.Itoa(m / n) }))
		require.Len(t, specs, 1)
		err := reflex.Run(t.Context(), specs[0])
		require.ErrorIs(t, err, rpatterns.ErrNoShards)
		require.ErrorContains(t, err, fmt.Sprintf("%d shards", n))
		require.False(t, ran)

		shard := rpatterns.ConsumerShards("test", n)[0]
		_, err = shard.GetFilter()(&reflex.Event{ID: "1"})
		require.ErrorIs(t, err, rpatterns.ErrNoShards)
		err = rpatterns.ParallelConsumer(shard, logic, reflex.WithConsumerRegisterer(prometheus.NewRegistry())).Consume(t.Context(), &reflex.Event{ID: "1"})
		require.ErrorIs(t, err, rpatterns.ErrNoShards)

		require.Panics(t, func() { rpatterns.Parallel(nil, nil, n, stream, rpatterns.MemCursorStore()) })
	}
}

func TestAShardWithoutATypeIsAnError(t *testing.T) {
	_, err := rpatterns.ConsumerShards("test", 1, rpatterns.WithHashOption(rpatterns.HashOptionEventType))[0].GetFilter()(&reflex.Event{ID: "1"})
	require.ErrorIs(t, err, rpatterns.ErrNoEventType)
}

func onRegistry(r prometheus.Registerer) rpatterns.ParallelOption {
	return rpatterns.WithConsumerSpecificOpts(func(string) []reflex.ConsumerOption {
		return []reflex.ConsumerOption{reflex.WithConsumerRegisterer(r)}
	})
}

// The promise of sharing: 8 shards, and the source is read once. Upstream read it 8 times.
func TestParallelSpecsReadTheStreamOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, n = 2000, 8
		s := newShardSource(size)
		store := rpatterns.MemCursorStore()
		var mu sync.Mutex
		consumed := make(map[string]int)
		logic := func(_ context.Context, e *reflex.Event) error {
			passTime(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			consumed[e.ID]++
			return nil
		}
		specs := rpatterns.ParallelSpecs("once", n, s.stream, store, logic, onRegistry(prometheus.NewRegistry()))
		require.Len(t, specs, n)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, spec := range specs {
			wg.Go(func() { _ = reflex.Run(ctx, spec) })
		}
		passTime(time.Hour)
		synctest.Wait()

		require.Len(t, consumed, size)
		for id, times := range consumed {
			require.Equal(t, 1, times, id)
		}
		require.Equal(t, shardCounts{opened: 1, open: 1, reads: size}, s.counts())
		// A shard that has nothing to do is not left behind.
		for _, spec := range specs {
			cursor, err := store.GetCursor(t.Context(), spec.Name())
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(size), cursor)
		}

		cancel()
		wg.Wait()
		require.Zero(t, s.counts().open)
	})
}

// Lag and activity of a shard that is stuck, or has nothing to do, must not come from the events of others. Nor must they be
// counted as skipped.
func TestMetricsOfAShardAreOfItsEvents(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	specs := rpatterns.ParallelSpecs("test", 3, newFakeLog("1", "2", "4").stream, rpatterns.MemCursorStore(),
		func(context.Context, *reflex.Event) error { return nil },
		onRegistry(registry), rpatterns.WithStreamOpts(reflex.WithStreamToHead()))
	for _, spec := range specs {
		require.ErrorIs(t, reflex.Run(t.Context(), spec), reflex.ErrHeadReached)
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	ages := make(map[string]uint64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "reflex_consumer_event_age_seconds" {
				ages[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
		require.NotEqual(t, "reflex_consumer_skipped_events_count", f.GetName())
	}
	require.Equal(t, map[string]uint64{"test_1_of_3": 2, "test_2_of_3": 0, "test_3_of_3": 1}, ages)
}

func TestAnErrorOfTheHashIsOneOfTheConsumer(t *testing.T) {
	for name, fn := range map[string]func(*reflex.Event) ([]byte, error){
		"error": func(*reflex.Event) ([]byte, error) { return nil, errRunBroken },
		"panic": func(*reflex.Event) ([]byte, error) { panic(errRunBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			shard := rpatterns.ConsumerShards("test", 1, rpatterns.WithHashFn(fn))[0]
			ran := false
			var offered error
			consumer := rpatterns.ParallelConsumer(shard,
				func(context.Context, *reflex.Event) error { ran = true; return nil },
				reflex.WithConsumerRegisterer(prometheus.NewRegistry()),
				reflex.WithFilterIncludeTypes(fakeType(1)),
				reflex.WithRecoverFunction(func(_ context.Context, _ *reflex.Event, _ reflex.Consumer, err error) error {
					offered = err
					return err
				}))

			require.ErrorIs(t, consumer.Consume(t.Context(), &reflex.Event{ID: "1", Type: fakeType(1)}), errRunBroken)
			require.ErrorIs(t, offered, errRunBroken)
			require.False(t, ran)
			// The hash may not know events that the consumer doesn't want.
			require.NoError(t, consumer.Consume(t.Context(), &reflex.Event{ID: "2", Type: fakeType(2)}))
		})
	}
}

func TestShardsTakeBothFormsOfLogic(t *testing.T) {
	shard := rpatterns.ConsumerShards("test", 1)[0]
	consumer := rpatterns.ParallelConsumer(shard, func(_ context.Context, f fate.Fate, _ *reflex.Event) error { return f.Tempt() },
		reflex.WithConsumerRegisterer(prometheus.NewRegistry()), reflex.WithConsumerFate(badFate{}))
	require.ErrorIs(t, consumer.Consume(t.Context(), &reflex.Event{ID: "1"}), errRunBroken)
}

type badFate struct{}

func (badFate) Tempt() error { return errRunBroken }

// parts is a consumer that notes what Run does to it.
type parts struct {
	name string
	mu   *sync.Mutex
	log  *[]string
}

func newParts(name string) parts { return parts{name, new(sync.Mutex), new([]string)} }

func (p parts) note(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*p.log = append(*p.log, p.name+" "+s)
}
func (p parts) Name() string { return p.name }
func (p parts) Consume(ctx context.Context, e *reflex.Event) error {
	p.note(fmt.Sprint("consume ", e.ID, " for ", ctx.Value(partsKey{})))
	return nil
}
func (p parts) Reset(context.Context) error { p.note("reset"); return nil }
func (p parts) Stop() error                 { p.note("stop"); return errors.New("not stopped") }

type partsKey struct{}

// Upstream's goroutines never ended, and the Reset and Stop of the consumers were hidden.
func TestParallelEndsWithItsContexts(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var notes []string
		s := newShardSource(3)
		var fromStream []any
		stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			fromStream = append(fromStream, ctx.Value(partsKey{}))
			return s.stream(ctx, after, opts...)
		}
		ctx, cancel := context.WithCancel(t.Context())

		rpatterns.Parallel(
			func(m int) context.Context { return context.WithValue(ctx, partsKey{}, m) },
			func(m int) reflex.Consumer { return parts{strconv.Itoa(m), &mu, &notes} },
			3, stream, rpatterns.MemCursorStore())
		synctest.Wait()

		require.ElementsMatch(t, []string{
			"0 reset", "1 reset", "2 reset",
			"0 consume 1 for 0", "2 consume 2 for 2", "1 consume 3 for 1",
		}, notes)
		require.Len(t, fromStream, 1)
		require.Contains(t, []any{0, 1, 2}, fromStream[0])

		cancel()
		synctest.Wait()
		require.Subset(t, notes, []string{"0 stop", "1 stop", "2 stop"})
		require.Zero(t, s.counts().open)
	})
}
