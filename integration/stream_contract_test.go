package integration_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

func TestStreamContract(t *testing.T) {
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) {
			cluster := kafka.cluster(t)
			reflextest.RunStreamTests(t, reflextest.StreamHarness{
				New: func(tb testing.TB) reflextest.Source {
					tb.Helper()
					return newSource(tb, cluster)
				},
				Live:       true,
				FromHead:   true,
				ToHead:     true,
				Lag:        true,
				Cancel:     true,
				Closer:     true,
				IntegerIDs: true,
				BadCursors: []string{"x", "-2", " 1", "1.0", "1000000", "9223372036854775808", "1@2"},

				TimestampPrecision: time.Millisecond,
				BinaryForeignIDs:   true,
				EmptyMetaData:      true,
				Trace:              true,
			})
		})
	}
}

// newSource returns a partition that a client which isn't ours writes to.
func newSource(tb testing.TB, cluster *kafkaharness.Cluster) reflextest.Source {
	tb.Helper()
	topic := cluster.Topic(tb, 1)
	admin := cluster.Admin(tb)
	return reflextest.Source{
		Stream: kafkastream.NewPartition(cluster.Opts(), topic, 0).Stream,
		Append: appendBy(cluster.Client(tb, kgo.DefaultProduceTopic(topic))),
		BeginTx: func(context.Context) (reflextest.Tx, error) {
			writer := cluster.Client(tb, kgo.DefaultProduceTopic(topic), kgo.TransactionalID(kafkaharness.Name(tb)))
			return reflextest.Tx{
				Append: appendBy(writer),
				Commit: func(ctx context.Context) error { return writer.EndTransaction(ctx, kgo.TryCommit) },
				Abort:  func(ctx context.Context) error { return writer.EndTransaction(ctx, kgo.TryAbort) },
			}, writer.BeginTransaction()
		},
		Truncate: func(ctx context.Context, before string) error {
			offset, err := strconv.ParseInt(before, 10, 64)
			if err != nil {
				return err
			}
			return deleteRecords(ctx, admin, topic, offset)
		},
	}
}

// deleteRecords does what retention does.
func deleteRecords(ctx context.Context, admin *kadm.Client, topic string, before int64) error {
	offsets := make(kadm.Offsets)
	offsets.AddOffset(topic, 0, before, -1)
	resp, err := admin.DeleteRecords(ctx, offsets)
	if err != nil {
		return err
	}
	return resp.Error()
}

// appendBy returns a function that encodes events and produces them.
func appendBy(writer *kgo.Client) func(context.Context, ...reflex.Event) ([]string, error) {
	return func(ctx context.Context, events ...reflex.Event) ([]string, error) {
		records := make([]*kgo.Record, len(events))
		for i := range events {
			record, err := kafkastream.Encode(&events[i])
			if err != nil {
				return nil, err
			}
			records[i] = record
		}
		results := writer.ProduceSync(ctx, records...)
		ids := make([]string, len(results))
		for i, result := range results {
			ids[i] = strconv.FormatInt(result.Record.Offset, 10)
		}
		return ids, results.FirstErr()
	}
}

// publish appends events with the numbers from first up to last as foreign IDs and metadata.
func publish(t *testing.T, cluster *kafkaharness.Cluster, topic string, first, last int) {
	t.Helper()
	events := make([]reflex.Event, 0, last-first+1)
	for i := first; i <= last; i++ {
		n := strconv.Itoa(i)
		events = append(events, reflex.Event{ForeignID: n, MetaData: []byte(n), Type: eventType(i % 3), Timestamp: time.Now()})
	}
	_, err := appendBy(cluster.Client(t, kgo.DefaultProduceTopic(topic)))(t.Context(), events...)
	require.NoError(t, err)
}

type eventType int

func (e eventType) ReflexType() int { return int(e) }
