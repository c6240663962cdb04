package integration_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// The only broker is stopped and started while a consumer runs: the stream stays, and goes
// on with the next event. With the cursors in the same Kafka the events come in
// order, each at least once.
func TestRunOutlivesBrokerRestart(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{})
	broker := cluster.Broker(t, 1)
	testFault(t, cluster, func() {
		broker.Stop(t)
		broker.Start(t)
		cluster.AwaitBrokers(t)
	})
}

// The only broker dies as by a power cut.
func TestRunOutlivesBrokerKill(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{})
	broker := cluster.Broker(t, 1)
	testFault(t, cluster, func() {
		broker.Kill(t)
		broker.Start(t)
		cluster.AwaitBrokers(t)
	})
}

// The broker freezes with all connections open, and wakes up.
func TestRunOutlivesFrozenBroker(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{})
	broker := cluster.Broker(t, 1)
	testFault(t, cluster, func() {
		broker.Pause(t)
		timer := time.NewTimer(3 * time.Second) // how long it is frozen is the fault
		<-timer.C
		broker.Resume(t)
		cluster.AwaitBrokers(t)
	})
}

// Of three brokers the leader of the partition dies, and another takes over.
func TestRunOutlivesLeader(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{Brokers: 3})
	admin := cluster.Admin(t)
	testFaultOn(t, cluster, func(topic string) {
		leaderOf := func() int32 {
			topics, err := admin.ListTopics(t.Context(), topic)
			if err != nil || len(topics[topic].Partitions) == 0 {
				return -1
			}
			return topics[topic].Partitions[0].Leader
		}
		old := leaderOf()
		cluster.Broker(t, old).Kill(t)
		require.Eventually(t, func() bool {
			now := leaderOf()
			return now >= 0 && now != old
		}, time.Minute, 50*time.Millisecond)
	})
}

func testFault(t *testing.T, cluster *kafkaharness.Cluster, fault func()) {
	t.Helper()
	testFaultOn(t, cluster, func(string) { fault() })
}

// testFaultOn consumes the events from before and after a fault in two ways: by one Run with
// cursors in memory, which must outlive the fault, and by a loop of Runs with cursors in the same Kafka,
// whose runs may end.
func testFaultOn(t *testing.T, cluster *kafkaharness.Cluster, fault func(topic string)) {
	t.Helper()
	const half = 1000
	topic := cluster.Topic(t, 1)
	store, _ := openStore(t, cluster)
	publish(t, cluster, topic, 0, half-1)

	ctx, cancel := context.WithCancel(t.Context())
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	once, again := newWitness(), newWitness()
	var group sync.WaitGroup
	var ended error // why the one Run ended
	group.Go(func() {
		ended = reflex.Run(ctx, reflex.NewSpec(orders.Stream, rpatterns.MemCursorStore(), once.consumer()))
	})
	group.Go(func() {
		looped := kafkastream.NewPartition(cluster.Opts(), topic, 0)
		consumer := again.consumer()
		for ctx.Err() == nil {
			err := reflex.Run(ctx, reflex.NewSpec(looped.Stream, store.For(looped), consumer))
			again.note(err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	defer group.Wait()
	defer cancel()

	once.await(t, half-1)
	again.await(t, half-1)
	fault(topic)
	publishPatiently(t, cluster, topic, half, 2*half-1)
	once.await(t, 2*half-1)
	again.await(t, 2*half-1)
	cancel()
	group.Wait()

	require.ErrorIs(t, ended, context.Canceled, "the fault ended the stream")
	once.requireInOrder(t, 2*half, 0)
	again.requireInOrder(t, 2*half, half)
	t.Logf("ends of the looped run: %v", again.ends)
}

// publishPatiently publishes once the partition takes records.
func publishPatiently(t *testing.T, cluster *kafkaharness.Cluster, topic string, first, last int) {
	t.Helper()
	client := cluster.Client(t, kgo.DefaultProduceTopic(topic), kgo.RecordDeliveryTimeout(time.Minute))
	for i := first; i <= last; i++ {
		client.Produce(t.Context(), &kgo.Record{Key: []byte(strconv.Itoa(i))}, nil)
	}
	require.NoError(t, client.Flush(t.Context()))
}

// witness remembers what it consumed.
type witness struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each event
	order   []int64
	ends    []error
}

func newWitness() *witness { return &witness{changed: make(chan struct{})} }

func (w *witness) consumer() reflex.Consumer {
	return reflex.NewConsumer("witness", func(_ context.Context, e *reflex.Event) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.order = append(w.order, e.IDInt())
		close(w.changed)
		w.changed = make(chan struct{})
		return nil
	})
}

func (w *witness) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, err)
}

// await waits until the event with that offset was consumed.
func (w *witness) await(t *testing.T, offset int64) {
	t.Helper()
	timeout := time.After(90 * time.Second)
	for {
		w.mu.Lock()
		last := int64(-1)
		if len(w.order) > 0 {
			last = w.order[len(w.order)-1]
		}
		changed, ends := w.changed, w.ends
		w.mu.Unlock()
		if last >= offset {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(t, "events are missing", "want offset %d, got %d; runs ended with %v", offset, last, ends)
		}
	}
}

// requireInOrder requires that all events were consumed, and that the order has steps
// back only by repeating: after one the events follow each other again.
func (w *witness) requireInOrder(t *testing.T, events, mayRepeat int) {
	t.Helper()
	next, repeated := int64(0), 0
	for _, offset := range w.order {
		require.LessOrEqual(t, offset, next, "an event was skipped")
		if offset < next {
			repeated++
		}
		next = offset + 1
	}
	require.EqualValues(t, events, next)
	require.LessOrEqual(t, repeated, mayRepeat, "events were repeated")
}
