package kafkastream

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

func TestContract(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New:                newContractSource,
		Live:               true,
		FromHead:           true,
		ToHead:             true,
		Lag:                true,
		Cancel:             true,
		Closer:             true,
		IntegerIDs:         true,
		BadCursors:         []string{"x", "-2", "+1", "01", " 1", "1.0", "1000000", "9223372036854775807", "9223372036854775808", "1@", "@", "1@2"},
		TimestampPrecision: time.Millisecond,
		BinaryForeignIDs:   true,
		EmptyMetaData:      true,
		Trace:              true,
	})
}

func newContractSource(tb testing.TB) reflextest.Source {
	tb.Helper()
	broker := kafkatest.Start(tb, kafkatest.WithTopic(orders, 1))
	client := func(opts ...kgo.Opt) *kgo.Client {
		cl, err := kgo.NewClient(append(append(broker.Opts(), kgo.DefaultProduceTopic(orders)), opts...)...)
		require.NoError(tb, err)
		tb.Cleanup(cl.Close)
		return cl
	}
	writer := client()
	return reflextest.Source{
		Stream: NewPartition(broker.Opts(), orders, 0).Stream,
		Append: appendTo(writer),
		BeginTx: func(context.Context) (reflextest.Tx, error) {
			writer := client(kgo.TransactionalID(strconv.FormatInt(time.Now().UnixNano(), 36)))
			return reflextest.Tx{
				Append: appendTo(writer),
				Commit: func(ctx context.Context) error { return writer.EndTransaction(ctx, kgo.TryCommit) },
				Abort:  func(ctx context.Context) error { return writer.EndTransaction(ctx, kgo.TryAbort) },
			}, writer.BeginTransaction()
		},
		Truncate: func(_ context.Context, before string) error {
			offset, err := strconv.ParseInt(before, 10, 64)
			if err != nil {
				return err
			}
			return broker.Cluster().DeleteRecords(orders, 0, offset)
		},
	}
}

func appendTo(writer *kgo.Client) func(ctx context.Context, events ...reflex.Event) ([]string, error) {
	return func(ctx context.Context, events ...reflex.Event) ([]string, error) {
		records := make([]*kgo.Record, len(events))
		for i := range events {
			record, err := Encode(&events[i])
			if err != nil {
				return nil, err
			}
			records[i] = record
		}
		results := writer.ProduceSync(ctx, records...)
		if err := results.FirstErr(); err != nil {
			return nil, err
		}
		ids := make([]string, len(results))
		for i, res := range results {
			ids[i] = strconv.FormatInt(res.Record.Offset, 10)
		}
		return ids, nil
	}
}
