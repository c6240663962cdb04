package cursoradmin_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// patient is generous: it only ends what would hang.
const patient = 30 * time.Second

// env is a broker with topic orders of two partitions and a topic of cursors.
type env struct {
	*testing.T
	ctx     context.Context
	broker  *kafkatest.Broker
	store   *kafkacursor.Store
	client  *kgo.Client
	kadm    *kadm.Client
	cursors string
}

func newEnv(t *testing.T) *env {
	t.Helper()
	t.Parallel() // most wait to see whether anybody is at work
	e := &env{T: t, broker: kafkatest.Start(t, kafkatest.WithTopic("orders", 2)), cursors: "cursors"}
	var cancel context.CancelFunc
	e.ctx, cancel = context.WithTimeout(context.Background(), patient)
	t.Cleanup(cancel)
	e.store = e.open()
	e.connect()
	return e
}

func (e *env) connect() {
	e.Helper()
	client, err := kgo.NewClient(append(e.broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(e, err)
	e.Cleanup(client.Close)
	e.client, e.kadm = client, kadm.NewClient(client)
}

func (e *env) open() *kafkacursor.Store {
	e.Helper()
	store, err := kafkacursor.Open(e.ctx, e.broker.Opts(), e.cursors, kafkacursor.WithFlushInterval(10*time.Millisecond))
	require.NoError(e, err)
	e.Cleanup(func() { _ = store.Close() }) // tests that care have flushed it
	return store
}

func (e *env) admin(opts ...cursoradmin.Option) *cursoradmin.Admin {
	return cursoradmin.New(e.broker.Opts(), e.store, opts...)
}

// write appends plain records.
func (e *env) write(partition int32, n int, at ...time.Time) {
	e.Helper()
	for i := range n {
		record := &kgo.Record{Topic: "orders", Partition: partition, Key: []byte("k"), Value: []byte(strconv.Itoa(i))}
		if len(at) > 0 {
			record.Timestamp = at[0]
		}
		require.NoError(e, e.client.ProduceSync(e.ctx, record).FirstErr())
	}
}

// transact appends records in a transaction of its own.
func (e *env) transact(partition int32, n int, commit kgo.TransactionEndTry) {
	e.Helper()
	client, err := kgo.NewClient(append(e.broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("tx"))...)
	require.NoError(e, err)
	defer client.Close()
	require.NoError(e, client.BeginTransaction())
	for range n {
		require.NoError(e, client.ProduceSync(e.ctx, &kgo.Record{Topic: "orders", Partition: partition, Value: []byte("in a transaction")}).FirstErr())
	}
	require.NoError(e, client.EndTransaction(e.ctx, commit))
}

// cut removes what is before an offset.
func (e *env) cut(partition int32, before int64) {
	e.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset("orders", partition, before, -1)
	responses, err := e.kadm.DeleteRecords(e.ctx, offsets)
	require.NoError(e, err)
	require.NoError(e, responses.Error())
}

func (e *env) log(partition int32) *kafkastream.Partition {
	return kafkastream.NewPartition(e.broker.Opts(), "orders", partition, kafkastream.WithDecoder(kafkastream.Plain()))
}

func key(consumer string, partition int32) kafkacursor.Key {
	return kafkacursor.Key{Consumer: consumer, Topic: "orders", Partition: partition}
}

// put sets a cursor as an operator would.
func (e *env) put(consumer string, partition int32, cursor string) {
	e.Helper()
	require.NoError(e, e.store.Reset(e.ctx, key(consumer, partition), cursor))
}

// consume runs a consumer to the head and returns the IDs of what it had.
func (e *env) consume(consumer string, partition int32) []string {
	e.Helper()
	store := e.open()
	defer func() { require.NoError(e, store.Close()) }()
	var seen []string
	log := e.log(partition)
	err := reflex.Run(e.ctx, reflex.NewSpec(log.Stream, store.For(log), reflex.NewConsumer(consumer, func(_ context.Context, ev *reflex.Event) error {
		seen = append(seen, ev.ID)
		return nil
	}), reflex.WithStreamToHead()))
	require.True(e, reflex.IsHeadReachedErr(err), err)
	return seen
}

// apply plans, and does it.
func (e *env) apply(plan cursoradmin.Plan, err error) cursoradmin.Report {
	e.Helper()
	require.NoError(e, err)
	require.NoError(e, plan.Err())
	report, err := e.admin().Apply(e.ctx, plan)
	require.NoError(e, err)
	require.NoError(e, report.Err())
	return report
}

// written is how many records the topic of cursors has.
func (e *env) written() int64 {
	e.Helper()
	return e.broker.Cluster().PartitionInfo(e.cursors, 0).HighWatermark
}

func (e *env) cursor(consumer string, partition int32) string {
	e.Helper()
	entry, _, err := e.store.Peek(e.ctx, key(consumer, partition))
	require.NoError(e, err)
	return entry.Cursor
}
