package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
)

// ownerErrors are those of a store that doesn't have its consumer any more.
func ownerErrors() []provocation {
	return []provocation{
		{"owner: superseded", kafkacursor.ErrSuperseded, 10 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			return superseded(t)
		}},
		{"owner: fenced", kafkacursor.ErrFenced, 10 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			return fencedOff(t)
		}},
		{"owner: reset by an operator", kafkacursor.ErrSuperseded, 10 * time.Second, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			store, topic := openStore(t, cluster)
			setFlushed(t, store, "7")
			tool := openStoreOn(t, cluster, topic, kafkacursor.WithoutCreate())
			require.NoError(t, tool.Reset(t.Context(), kafkacursor.Key{Consumer: "billing"}, "3"))
			return untilRefused(t, store, "8")
		}},
		{"owner: end of transaction unknown", kafkacursor.ErrOwnershipUnknown, 30 * time.Second, endUnknown},
	}
}

// Another process runs the same consumer, and has set a cursor.
func superseded(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	first, topic := openStore(t, cluster)
	setFlushed(t, first, "7")
	second := openStoreOn(t, cluster, topic)
	setFlushed(t, second, "8")
	return untilRefused(t, first, "9")
}

// Another process runs the same consumer, and got its cursor: a fenced store is
// refused from then on, before the other one has set any.
func fencedOff(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	fencing := kafkacursor.WithFencing(kafkaharness.Name(t))
	first, topic := openStore(t, cluster, fencing)
	setFlushed(t, first, "7")
	second := openStoreOn(t, cluster, topic, fencing)
	cursor, err := second.GetCursor(t.Context(), "billing")
	require.NoError(t, err)
	require.Equal(t, "7", cursor)
	return untilRefused(t, first, "9")
}

// untilRefused sets a cursor until that is an error, which is when the store has
// heard of the other one.
func untilRefused(t *testing.T, store *kafkacursor.Store, cursor string) (time.Duration, error) {
	t.Helper()
	return timed(func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for {
			if err := store.SetCursor(ctx, "billing", cursor); err != nil {
				return err
			}
			if err := store.Flush(ctx); err != nil {
				return err
			}
		}
	})
}

func setFlushed(t *testing.T, store *kafkacursor.Store, cursor string) {
	t.Helper()
	_, err := store.GetCursor(t.Context(), "billing")
	require.NoError(t, err)
	require.NoError(t, store.SetCursor(t.Context(), "billing", cursor))
	require.NoError(t, store.Flush(t.Context()))
}

// The broker goes silent while a fenced cursor is written, so nobody knows whether the
// transaction was committed.
func endUnknown(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	topic := kafkaharness.Name(t)
	t.Cleanup(func() { cluster.DeleteTopic(t, topic) })
	line := &line{}
	store, err := kafkacursor.Open(t.Context(), append(cluster.Opts(), kgo.Dialer(line.dial)), topic,
		kafkacursor.WithFencing(kafkaharness.Name(t)), kafkacursor.WithTimeout(2*time.Second))
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	setFlushed(t, store, "7")

	resume := line.stall()
	require.NoError(t, store.SetCursor(t.Context(), "billing", "8"))
	// Flush and the write have the same time: either may be the first to give up.
	err = store.Flush(t.Context())
	require.Error(t, err)
	resume()
	return timed(func() error {
		for errors.Is(err, kafkacursor.ErrUnreachable) {
			err = store.Flush(t.Context())
		}
		return err
	})
}
