package kafkarun

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

const (
	topic    = "orders"
	consumer = "billing"
	patience = 20 * time.Second
)

// env is an embedded cluster with a topic, and what consumers did with its events.
type env struct {
	*testing.T
	ctx    context.Context
	broker *kafkatest.Broker
	writer *kgo.Client

	mu    sync.Mutex
	seen  map[int32][]string // IDs by partition, in the order that logic was done with them
	sent  map[int32]int
	logic func(ctx context.Context, partition int32, e *reflex.Event) error // nil does nothing
}

func newEnv(t *testing.T, partitions int32, opts ...kafkatest.Option) *env {
	t.Helper()
	broker := kafkatest.Start(t, append([]kafkatest.Option{kafkatest.WithTopic(topic, partitions)}, opts...)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	e := &env{T: t, ctx: ctx, broker: broker, seen: map[int32][]string{}, sent: map[int32]int{}}
	e.writer = e.newWriter()
	return e
}

func (e *env) newWriter() *kgo.Client {
	e.Helper()
	writer, err := kgo.NewClient(append(e.broker.Opts(), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(e, err)
	e.Cleanup(writer.Close)
	return writer
}

// publish appends n events to each of the partitions.
func (e *env) publish(n int, partitions ...int32) {
	e.Helper()
	var records []*kgo.Record
	for _, p := range partitions {
		for range n {
			records = append(records, &kgo.Record{Partition: p, Key: []byte("key"), Value: fmt.Appendf(nil, "%d", p)})
		}
	}
	require.NoError(e, e.writer.ProduceSync(e.ctx, records...).FirstErr())
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range partitions {
		e.sent[p] += n
	}
}

func (e *env) store(opts ...kafkacursor.Option) *kafkacursor.Store {
	e.Helper()
	store, err := kafkacursor.Open(e.ctx, e.broker.Opts(), "cursors", append([]kafkacursor.Option{kafkacursor.WithFlushInterval(5 * time.Millisecond)}, opts...)...)
	require.NoError(e, err)
	e.Cleanup(func() { require.NoError(e, store.Close()) })
	return store
}

// consume is the logic of all consumers: it takes notes.
func (e *env) consume(ctx context.Context, ev *reflex.Event) error {
	var p int32
	if _, err := fmt.Sscanf(string(ev.MetaData), "%d", &p); err != nil {
		return err
	}
	e.mu.Lock()
	logic := e.logic
	e.mu.Unlock()
	if logic != nil {
		if err := logic(ctx, p, ev); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[p] = append(e.seen[p], ev.ID)
	return nil
}

func (e *env) setLogic(fn func(ctx context.Context, partition int32, e *reflex.Event) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.logic = fn
}

func (e *env) spec(p Part) reflex.Spec {
	return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer(consumer, e.consume))
}

func (e *env) runner(cursors Cursors, opts ...Option) *Runner {
	e.Helper()
	r, err := New(e.broker.Opts(), topic, cursors, e.spec, append([]Option{
		WithCommitInterval(20 * time.Millisecond), WithLookInterval(50 * time.Millisecond),
		WithRetry(10*time.Millisecond, 100*time.Millisecond), WithParkedRetry(50 * time.Millisecond),
		WithRefreshInterval(100 * time.Millisecond),
	}, opts...)...)
	require.NoError(e, err)
	return r
}

// running is a Run that goes on.
type running struct {
	e      *env
	runner *Runner
	cancel context.CancelFunc
	done   chan error
}

func (e *env) start(r *Runner) *running {
	ctx, cancel := context.WithCancel(e.ctx)
	run := &running{e: e, runner: r, cancel: cancel, done: make(chan error, 1)}
	go func() { run.done <- r.Run(ctx) }()
	e.Cleanup(func() {
		cancel()
		select {
		case err := <-run.done:
			run.done <- err
		case <-time.After(patience):
			e.Error("Run does not end")
		}
	})
	return run
}

// stop ends Run and returns its error.
func (r *running) stop() error {
	r.e.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(patience):
		r.e.Fatal("Run does not end")
		return nil
	}
}

// await waits for all that was published to be done, at least once.
func (e *env) await() {
	e.Helper()
	e.eventually(func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		for p, n := range e.sent {
			if len(slices.Compact(slices.Clone(e.seen[p]))) < n {
				return false
			}
		}
		return true
	}, "all events are consumed")
}

func (e *env) eventually(cond func() bool, what string) {
	e.Helper()
	require.Eventually(e, cond, patience, 2*time.Millisecond, what)
}

// requireOnce fails unless each event was done exactly once, in order.
func (e *env) requireOnce() {
	e.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for p, n := range e.sent {
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint(i))
		}
		require.Equal(e, want, e.seen[p], "partition %d", p)
	}
}

// partitions returns the status of a runner's partitions by number.
func partitions(r *Runner) map[int32]PartitionStatus {
	all := map[int32]PartitionStatus{}
	for _, p := range r.Status().Partitions {
		all[p.Partition] = p
	}
	return all
}

func upTo(n int32) []int32 {
	var all []int32
	for p := range n {
		all = append(all, p)
	}
	return all
}

// grow adds partitions to the topic.
func (e *env) grow(n int) {
	e.Helper()
	client := kadm.NewClient(e.writer)
	_, err := client.UpdatePartitions(e.ctx, n, topic)
	require.NoError(e, err)
	e.writer.Close() // it knows the topic as it was
	e.writer = e.newWriter()
}
