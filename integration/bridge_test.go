package integration_test

import (
	"context"
	"testing"

	luno "github.com/luno/reflex"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/bridge/lunoreflex/bridgetest"
	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Consumers of luno/reflex that were not changed consume a partition of real Kafka, with its Run, Ack, Batch, Concurrent
// and others, and their cursors in a compacted topic.
func TestLunoConsumers(t *testing.T) {
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) {
			cluster := kafka.cluster(t)
			bridgetest.RunConsumerTests(t, func(tb testing.TB) bridgetest.Backend {
				tb.Helper()
				return lunoBackend(tb, cluster)
			})
		})
	}
}

func lunoBackend(tb testing.TB, cluster *kafkaharness.Cluster) bridgetest.Backend {
	tb.Helper()
	topic, cursors := cluster.Topic(tb, 1), kafkaharness.Name(tb)
	tb.Cleanup(func() { cluster.DeleteTopic(tb, cursors) })
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	appendEvents := appendBy(cluster.Client(tb, kgo.DefaultProduceTopic(topic)))
	return bridgetest.Backend{
		Stream: lunoreflex.ToLunoStream(orders.Stream),
		Append: func(ctx context.Context, events ...luno.Event) ([]string, error) {
			ours := make([]reflex.Event, len(events))
			for i := range events {
				ours[i] = *lunoreflex.FromLunoEvent(&events[i])
			}
			return appendEvents(ctx, ours...)
		},
		OpenCursors: func(tb testing.TB) luno.CursorStore {
			tb.Helper()
			store, err := kafkacursor.Open(tb.Context(), cluster.Opts(), cursors)
			require.NoError(tb, err)
			tb.Cleanup(func() { closeStore(tb, store) })
			return lunoreflex.ToLunoCursors(store.For(orders))
		},
	}
}
