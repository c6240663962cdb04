package deadlettertest

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkadeadletter"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Kafka is what a test runs on.
type Kafka struct {
	// Opts say how to reach it.
	Opts []kgo.Opt
	// Name returns the name of a topic that nobody else has. The topic need not be there, and is
	// removed after the test if it is.
	Name func(testing.TB) string
}

// patient is generous: it only ends what would hang.
const patient = time.Minute

const billing = "billing"

// env is a topic of events, the partition to read it, and a store of letters.
type env struct {
	*testing.T
	kafka   Kafka
	ctx     context.Context
	orders  string
	topic   string // of letters
	admin   *kadm.Client
	writer  *kgo.Client
	log     *kafkastream.Partition
	store   *kafkadeadletter.Store
	letters *kafkadeadletter.Letters
}

func newEnv(t *testing.T, kafka Kafka, opts ...kafkadeadletter.Option) *env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	e := &env{T: t, kafka: kafka, ctx: ctx, orders: kafka.Name(t), topic: kafka.Name(t)}
	e.admin = kadm.NewClient(e.client())
	e.create(e.orders, 1, nil)
	e.writer = e.client(kgo.DefaultProduceTopic(e.orders))
	e.log = kafkastream.NewPartition(kafka.Opts, e.orders, 0)
	e.store = e.open(e.topic, opts...)
	e.letters = e.store.For(e.log)
	return e
}

func (e *env) client(opts ...kgo.Opt) *kgo.Client {
	e.Helper()
	cl, err := kgo.NewClient(append(append([]kgo.Opt{kgo.MetadataMinAge(100 * time.Millisecond)}, e.kafka.Opts...), opts...)...)
	require.NoError(e, err)
	e.Cleanup(cl.Close)
	return cl
}

// create makes a topic and waits until it can be written to.
func (e *env) create(topic string, partitions int32, settings map[string]string) {
	e.Helper()
	configs := make(map[string]*string)
	for name, value := range settings {
		configs[name] = &value
	}
	_, err := e.admin.CreateTopic(e.ctx, partitions, -1, configs, topic)
	require.NoError(e, err)
	require.Eventually(e, func() bool {
		offsets, err := e.admin.ListEndOffsets(e.ctx, topic)
		return err == nil && offsets.Error() == nil && len(offsets[topic]) == int(partitions)
	}, patient, 20*time.Millisecond)
}

func (e *env) open(topic string, opts ...kafkadeadletter.Option) *kafkadeadletter.Store {
	e.Helper()
	store, err := kafkadeadletter.Open(e.ctx, e.kafka.Opts, topic, opts...)
	require.NoError(e, err)
	e.Cleanup(func() { require.NoError(e, store.Close()) })
	return store
}

// publish appends n events whose metadata is their ID, if nothing else writes.
func (e *env) publish(n int) {
	e.Helper()
	offsets, err := e.admin.ListEndOffsets(e.ctx, e.orders)
	require.NoError(e, err)
	end, ok := offsets.Lookup(e.orders, 0)
	require.True(e, ok)
	for i := range n {
		id := strconv.FormatInt(end.Offset+int64(i), 10)
		require.NoError(e, e.writer.ProduceSync(e.ctx, &kgo.Record{Key: []byte("order"), Value: []byte(id)}).FirstErr())
	}
}

// insert dead-letters events of the consumer billing.
func (e *env) insert(offsets ...int) {
	e.Helper()
	for _, offset := range offsets {
		event := e.event(offset)
		require.NoError(e, e.letters.Insert(e.ctx, billing, event, fmt.Errorf("poison %d", offset)))
	}
}

// event returns an event as a stream delivers it.
func (e *env) event(offset int) *reflex.Event {
	e.Helper()
	after := ""
	if offset > 0 {
		after = strconv.Itoa(offset - 1)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	stream, err := e.log.Stream(ctx, after)
	require.NoError(e, err)
	event, err := stream.Recv()
	require.NoError(e, err)
	require.Equal(e, strconv.Itoa(offset), event.ID)
	return event
}

// list returns the letters that a filter chooses.
func (e *env) list(filter kafkadeadletter.Filter) []kafkadeadletter.Letter {
	e.Helper()
	letters, err := e.store.List(e.ctx, filter)
	require.NoError(e, err)
	for _, letter := range letters {
		require.NoError(e, letter.Err)
	}
	return letters
}

// requireLetters requires that there are the letters of these events, in this order.
func (e *env) requireLetters(offsets ...int64) {
	e.Helper()
	got := make([]int64, 0, len(offsets))
	for _, letter := range e.list(kafkadeadletter.Filter{}) {
		got = append(got, letter.Key.Offset)
	}
	require.Equal(e, append([]int64{}, offsets...), got)
}

// key is that of a letter of the consumer billing.
func (e *env) key(offset int64) kafkadeadletter.Key {
	e.Helper()
	for _, letter := range e.list(kafkadeadletter.Filter{}) {
		if letter.Key.Offset == offset {
			return letter.Key
		}
	}
	e.Fatalf("there is no letter of event %d", offset)
	return kafkadeadletter.Key{}
}

// consumer is one that notes what it consumed, and fails at some events.
type consumer struct {
	name     string
	consumed []string
	failAt   map[string]error
	resets   atomic.Int32
}

func (c *consumer) Name() string { return c.name }

func (c *consumer) Reset() error {
	c.resets.Add(1)
	return nil
}

func (c *consumer) Consume(_ context.Context, e *reflex.Event) error {
	if err := c.failAt[e.ID]; err != nil {
		return err
	}
	c.consumed = append(c.consumed, e.ID)
	return nil
}
