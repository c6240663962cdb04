package integration_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

const keyedEvents, keyedKeys, keyedWindow = 3000, 50, 200

// Processes come and go in the middle of their work. The events of each key are handled in their order, none is lost, and
// what is repeated is no more than the window of each life.
func TestKeyedLosesNothingAndKeepsTheOrderOfKeys(t *testing.T) {
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) { testKeyed(t, kafka.cluster(t)) })
	}
}

func testKeyed(t *testing.T, cluster *kafkaharness.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	topic, cursors := cluster.Topic(t, 1), kafkaharness.Name(t)+"-cursors"
	var records []*kgo.Record
	for i := range keyedEvents {
		records = append(records, kgo.KeyStringRecord("key-"+strconv.Itoa(i%keyedKeys), "value"))
	}
	require.NoError(t, cluster.Client(t, kgo.DefaultProduceTopic(topic)).ProduceSync(ctx, records...).FirstErr())

	work := newKeyedWork()
	// life is a process. It is told to end after so many events, or lives to the head of the log.
	life := func(events int) error {
		store, err := kafkacursor.Open(ctx, cluster.Opts(), cursors)
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		partition := kafkastream.NewPartition(cluster.Opts(), topic, 0)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		work.begin(events, cancel)
		consumer := reflex.NewConsumer("test", work.handle, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		keyed := rpatterns.NewKeyedConsumer(store.For(partition), consumer, nil, 16, rpatterns.WithKeyedWindow(keyedWindow))
		return reflex.Run(ctx, rpatterns.NewKeyedSpec(partition.Stream, keyed, reflex.WithStreamToHead()))
	}

	const lives = 5
	for range lives {
		err := life(keyedEvents / lives / 2)
		require.True(t, reflex.IsExpected(err), "%v", err)
	}
	require.ErrorIs(t, life(keyedEvents*lives), reflex.ErrHeadReached)
	work.check(t, lives*keyedWindow)

	store, err := kafkacursor.Open(ctx, cluster.Opts(), cursors)
	require.NoError(t, err)
	defer store.Close()
	cursor, err := store.For(kafkastream.NewPartition(cluster.Opts(), topic, 0)).GetCursor(ctx, "test")
	require.NoError(t, err)
	parsed, err := kafkastream.ParseCursor(cursor)
	require.NoError(t, err)
	require.Equal(t, int64(keyedEvents-1), parsed.Offset)
}

// keyedWork notes what was done.
type keyedWork struct {
	mu    sync.Mutex
	done  map[string][]int64 // the IDs of each key
	busy  map[string]bool
	wrong []string

	left   int
	cancel context.CancelFunc
}

func newKeyedWork() *keyedWork {
	return &keyedWork{done: make(map[string][]int64), busy: make(map[string]bool)}
}

func (w *keyedWork) begin(events int, cancel context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.cancel = events, cancel
}

func (w *keyedWork) handle(ctx context.Context, e *reflex.Event) error {
	w.mu.Lock()
	if w.busy[e.ForeignID] {
		w.wrong = append(w.wrong, "two at once of "+e.ForeignID+": "+e.ID)
	}
	w.busy[e.ForeignID] = true
	if w.left--; w.left == 0 {
		w.cancel()
	}
	w.mu.Unlock()

	timer := time.NewTimer(time.Duration(e.IDInt()%4) * time.Millisecond)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[e.ForeignID] = false
	if err == nil {
		w.done[e.ForeignID] = append(w.done[e.ForeignID], e.IDInt())
	}
	return err
}

// check requires that each key has all its events, in their order but for repetitions, of which there are that many at most.
func (w *keyedWork) check(t *testing.T, repetitions int) {
	t.Helper()
	require.Empty(t, w.wrong)
	require.Len(t, w.done, keyedKeys)
	total := 0
	for key, ids := range w.done {
		total += len(ids)
		number, err := strconv.ParseInt(key[len("key-"):], 10, 64)
		require.NoError(t, err)
		next := number
		for _, id := range ids {
			// A life begins again at an event that was done, and never leaves one out.
			require.LessOrEqual(t, id, next, "key %s: an event is missing in %v", key, ids)
			next = id + keyedKeys
		}
		require.Equal(t, number+keyedEvents, next, "key %s", key)
	}
	require.LessOrEqual(t, total-keyedEvents, repetitions)
	t.Logf("%d events were repeated, of %d", total-keyedEvents, keyedEvents)
}
