package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
)

// cursorErrors are those of the topic of cursors, and of what is in it.
func cursorErrors() []provocation {
	compact := []string{"cleanup.policy", "compact"}
	open := func(partitions int32, configs []string, opts ...kafkacursor.Option) func(*testing.T) (time.Duration, error) {
		return func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			topic := "no-such-topic"
			if partitions > 0 {
				topic = cluster.Topic(t, partitions, configs...)
			}
			return timed(func() error {
				_, err := kafkacursor.Open(t.Context(), cluster.Opts(), topic, opts...)
				return err
			})
		}
	}
	return []provocation{
		{"store: invalid option", kafkacursor.ErrInvalidOption, atOnce, open(1, compact, kafkacursor.WithPartitions(0))},
		{"store: cleanup.policy delete", kafkacursor.ErrTopicConfig, atOnce, open(1, nil)},
		{"store: cleanup.policy compact,delete", kafkacursor.ErrTopicConfig, atOnce, open(1, []string{"cleanup.policy", "compact,delete"})},
		{"store: too few brokers", kafkacursor.ErrTopicConfig, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			return timed(func() error {
				_, err := kafkacursor.Open(t.Context(), cluster.Opts(), kafkaharness.Name(t), kafkacursor.WithReplicationFactor(99))
				return err
			})
		}},
		{"store: partition count", kafkacursor.ErrPartitionCount, atOnce, open(3, compact)},
		{"store: unknown topic", kafkacursor.ErrUnknownTopic, 15 * time.Second, open(0, nil, kafkacursor.WithoutCreate())},
		{"store: unreachable", kafkacursor.ErrUnreachable, 15 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			return timed(func() error {
				_, err := kafkacursor.Open(t.Context(), nowhere(), "cursors")
				return err
			})
		}},
		{"store: topic recreated", kafkacursor.ErrTopicRecreated, 15 * time.Second, storeRecreated},
		{"store: open transaction", kafkacursor.ErrOpenTransaction, 10 * time.Second, openTransaction},
		{"store: corrupt entry", kafkacursor.ErrCorruptEntry, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			store, topic := openStore(t, cluster)
			produce(t, cluster, &kgo.Record{
				Topic: topic, Key: []byte("billing"), Value: []byte("7"),
				Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte("next week")}},
			})
			return timed(func() error { _, err := store.GetCursor(t.Context(), "billing"); return err })
		}},
		{"store: bad name", kafkacursor.ErrBadName, atOnce, onStore(func(ctx context.Context, s *kafkacursor.Store) error {
			_, err := s.GetCursor(ctx, "")
			return err
		})},
		{"store: empty cursor", kafkacursor.ErrBadCursor, atOnce, onStore(func(ctx context.Context, s *kafkacursor.Store) error {
			return s.SetCursor(ctx, "billing", "")
		})},
		{"store: cursor goes back", kafkacursor.ErrCursorRegression, atOnce, onStore(func(ctx context.Context, s *kafkacursor.Store) error {
			if err := s.SetCursor(ctx, "billing", "12"); err != nil {
				return err
			}
			return s.SetCursor(ctx, "billing", "9")
		})},
		{"store: bad key", kafkacursor.ErrBadKey, atOnce, func(*testing.T) (time.Duration, error) {
			return timed(func() error { _, err := kafkacursor.ParseKey("billing/orders/first"); return err })
		}},
		{"store: closed", kafkacursor.ErrClosed, atOnce, onStore(func(ctx context.Context, s *kafkacursor.Store) error {
			if err := s.Close(); err != nil {
				return err
			}
			return s.SetCursor(ctx, "billing", "1")
		})},
	}
}

// onStore runs something on a store that nobody else uses.
func onStore(run func(context.Context, *kafkacursor.Store) error) func(*testing.T) (time.Duration, error) {
	return func(t *testing.T) (time.Duration, error) {
		t.Helper()
		store, _ := openStore(t, lab.Cluster(t, 1))
		return timed(func() error { return run(t.Context(), store) })
	}
}

// openStore opens a store on a topic of its own.
func openStore(t *testing.T, cluster *kafkaharness.Cluster, opts ...kafkacursor.Option) (*kafkacursor.Store, string) {
	t.Helper()
	topic := kafkaharness.Name(t)
	t.Cleanup(func() { cluster.DeleteTopic(t, topic) })
	return openStoreOn(t, cluster, topic, opts...), topic
}

func openStoreOn(t *testing.T, cluster *kafkaharness.Cluster, topic string, opts ...kafkacursor.Option) *kafkacursor.Store {
	t.Helper()
	store, err := kafkacursor.Open(t.Context(), cluster.Opts(), topic, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() }) // tests that care have closed it
	return store
}

// The topic of cursors is deleted and created again below a store.
func storeRecreated(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	store, topic := openStore(t, cluster)
	_, err := store.GetCursor(t.Context(), "billing")
	require.NoError(t, err)
	require.NoError(t, store.SetCursor(t.Context(), "billing", "7"))
	require.NoError(t, store.Flush(t.Context()))
	admin := cluster.Admin(t)
	_, err = admin.DeleteTopic(t.Context(), topic)
	require.NoError(t, err)
	compact := "compact"
	require.Eventually(t, func() bool {
		_, err := admin.CreateTopic(t.Context(), 1, -1, map[string]*string{"cleanup.policy": &compact}, topic)
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
	return timed(func() error { _, err := store.GetCursor(t.Context(), "billing"); return err })
}

// Somebody else has a transaction open in the topic of cursors.
func openTransaction(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	store, topic := openStore(t, cluster, kafkacursor.WithTimeout(3*time.Second))
	other := cluster.Client(t, kgo.TransactionalID(kafkaharness.Name(t)))
	require.NoError(t, other.BeginTransaction())
	require.NoError(t, other.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("shipping"), Value: []byte("3")}).FirstErr())
	defer func() { require.NoError(t, other.EndTransaction(t.Context(), kgo.TryAbort)) }()
	return timed(func() error { _, err := store.GetCursor(t.Context(), "billing"); return err })
}
