package rpatterns_test

import (
	"context"
	"io"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/luno/jettison/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Upstream never moved the cursor past the events of other shards: a shard that got few of them read all of the stream again
// after each restart.
func TestParallelAckConsumer(t *testing.T) {
	store := rpatterns.MemCursorStore()
	registry := prometheus.NewRegistry()
	seen := make(map[string][]string)
	for _, shard := range rpatterns.ConsumerShards("test", 3) {
		consumer := rpatterns.ParallelAckConsumer(shard, store, func(ctx context.Context, e *rpatterns.AckEvent) error {
			seen[shard.Name] = append(seen[shard.Name], e.ID)
			return e.Ack(ctx)
		}, reflex.WithConsumerRegisterer(registry))
		spec := rpatterns.NewAckSpec(newFakeLog("1", "2", "4", "5").stream, consumer.(*rpatterns.AckConsumer), reflex.WithStreamToHead())
		require.ErrorIs(t, reflex.Run(t.Context(), spec), reflex.ErrHeadReached)

		cursor, err := store.GetCursor(t.Context(), shard.Name)
		require.NoError(t, err)
		require.Equal(t, "5", cursor)
		// Without a spec it is the shard's as well.
		require.NoError(t, consumer.Consume(t.Context(), &reflex.Event{ID: "3"}))
	}
	require.Equal(t, map[string][]string{
		"test_1_of_3": {"1", "4"}, "test_2_of_3": {"3"}, "test_3_of_3": {"2", "5"},
	}, seen)
}

func TestParallelAckOfNoShards(t *testing.T) {
	logic := func(context.Context, *rpatterns.AckEvent) error { return nil }
	consumer := rpatterns.ParallelAckConsumer(rpatterns.ConsumerShards("test", 0)[0], rpatterns.MemCursorStore(), logic)
	spec := rpatterns.NewAckSpec(newFakeLog("1").stream, consumer.(*rpatterns.AckConsumer))
	require.ErrorIs(t, reflex.Run(t.Context(), spec), rpatterns.ErrNoShards)
	require.Panics(t, func() { rpatterns.ParallelAck(nil, nil, 0, newFakeLog().stream) })
}

func TestParallelAck(t *testing.T) {
	log.SetDefaultLoggerForTesting(t, io.Discard)
	synctest.Test(t, func(t *testing.T) {
		const n, size = 3, 10
		ctx, cancel := context.WithCancel(t.Context())
		s := newShardSource(size)
		store := rpatterns.MemCursorStore()
		var mu sync.Mutex
		seen := make(map[string]any)
		getConsumer := func(m int) rpatterns.AckConsumer {
			return *rpatterns.NewAckConsumer(strconv.Itoa(m), store, func(ctx context.Context, e *rpatterns.AckEvent) error {
				mu.Lock()
				defer mu.Unlock()
				seen[e.ID] = ctx.Value(partsKey{})
				return e.Ack(ctx)
			}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		}
		rpatterns.ParallelAck(func(m int) context.Context { return context.WithValue(ctx, partsKey{}, m) },
			getConsumer, n, s.stream)
		synctest.Wait()

		require.Len(t, seen, size)
		shards := rpatterns.ConsumerShards("", n)
		for id, m := range seen {
			ok, err := shards[m.(int)].GetFilter()(&reflex.Event{ID: id})
			require.NoError(t, err)
			require.True(t, ok)
		}
		for m := range n {
			cursor, err := store.GetCursor(t.Context(), strconv.Itoa(m))
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(size), cursor)
		}
		require.Equal(t, 1, s.counts().opened)

		cancel()
		synctest.Wait()
		require.Zero(t, s.counts().open)
	})
}
