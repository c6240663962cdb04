package lunoreflex_test

import (
	"context"
	"testing"
	"time"

	luno "github.com/luno/reflex"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/bridge/lunoreflex/bridgetest"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

// The consumers are luno/reflex's, down to their imports. Real Kafka is the business of the integration
// tests, which run the same suite.
func TestLunoConsumersOnKafka(t *testing.T) {
	bridgetest.RunConsumerTests(t, func(tb testing.TB) bridgetest.Backend {
		tb.Helper()
		l := newLog(tb)
		return bridgetest.Backend{
			Stream: lunoreflex.ToLunoStream(l.orders.Stream),
			Append: l.appendLuno,
			OpenCursors: func(tb testing.TB) luno.CursorStore {
				tb.Helper()
				return lunoreflex.ToLunoCursors(l.openCursors(tb).For(l.orders))
			},
		}
	})
}

// kafkaLog is a partition of an embedded broker, and a topic of cursors.
type kafkaLog struct {
	broker    *kafkatest.Broker
	orders    *kafkastream.Partition
	publisher *kafkastream.Publisher
}

func newLog(tb testing.TB) *kafkaLog {
	tb.Helper()
	broker := kafkatest.Start(tb, kafkatest.WithTopic("orders", 1))
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	require.NoError(tb, err)
	tb.Cleanup(func() { publisher.Close() })
	return &kafkaLog{
		broker:    broker,
		orders:    kafkastream.NewPartition(broker.Opts(), "orders", 0),
		publisher: publisher,
	}
}

func (l *kafkaLog) append(ctx context.Context, events ...reflex.Event) ([]string, error) {
	ptrs := make([]*reflex.Event, len(events))
	for i := range events {
		ptrs[i] = &events[i]
	}
	positions, err := l.publisher.Publish(ctx, ptrs...)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(positions))
	for i, at := range positions {
		ids[i] = at.ID()
	}
	return ids, nil
}

func (l *kafkaLog) appendLuno(ctx context.Context, events ...luno.Event) ([]string, error) {
	ours := make([]reflex.Event, len(events))
	for i := range events {
		ours[i] = *lunoreflex.FromLunoEvent(&events[i])
	}
	return l.append(ctx, ours...)
}

func (l *kafkaLog) openCursors(tb testing.TB, opts ...kafkacursor.Option) *kafkacursor.Store {
	tb.Helper()
	store, err := kafkacursor.Open(tb.Context(), l.broker.Opts(), "cursors", opts...)
	require.NoError(tb, err)
	// The error of one that was superseded by a later one is no concern of a test's.
	tb.Cleanup(func() { store.Close() })
	return store
}

// A stream that went over the bridge and back must not be told from the one that it was.
func TestStreamsSurviveTheBridge(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New: func(tb testing.TB) reflextest.Source {
			tb.Helper()
			l := newLog(tb)
			return reflextest.Source{
				Stream: lunoreflex.FromLunoStream(lunoreflex.ToLunoStream(l.orders.Stream)),
				Append: l.append,
			}
		},
		Live:               true,
		FromHead:           true,
		ToHead:             true,
		Lag:                true,
		Cancel:             true,
		Closer:             true,
		IntegerIDs:         true,
		BadCursors:         []string{"x", "-2", "1000000", "1@2"},
		TimestampPrecision: time.Millisecond,
		BinaryForeignIDs:   true,
		EmptyMetaData:      true,
		Trace:              true,
	})
}

// As must a store.
func TestCursorsSurviveTheBridge(t *testing.T) {
	reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
		New: func(tb testing.TB) reflextest.CursorBackend {
			tb.Helper()
			l := newLog(tb)
			open := func(tb testing.TB) reflex.CursorStore {
				tb.Helper()
				return lunoreflex.FromLunoCursors(lunoreflex.ToLunoCursors(l.openCursors(tb)))
			}
			return reflextest.CursorBackend{Store: open(tb), Reopen: open}
		},
		StringCursors:  true,
		ReadYourWrites: true,
		Monotonic:      true,
	})
}
