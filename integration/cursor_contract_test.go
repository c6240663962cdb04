package integration_test

import (
	"strings"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

func TestCursorStoreContract(t *testing.T) {
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) {
			cluster := kafka.cluster(t)
			for _, kind := range storeKinds() {
				t.Run(kind.name, func(t *testing.T) {
					// They mostly wait for three brokers to agree, so they may wait together.
					t.Parallel()
					reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
						New: func(tb testing.TB) reflextest.CursorBackend {
							tb.Helper()
							return newBackend(tb, cluster, kind.store, kind.options(tb)...)
						},
						StringCursors:  true,
						ReadYourWrites: true,
						Monotonic:      true,
						Same:           sameCursor,
					})
				})
			}
		})
	}
}

// storeKind is a way to use a store.
type storeKind struct {
	name    string
	store   func(*kafkacursor.Store) reflex.CursorStore
	options func(testing.TB) []kafkacursor.Option
}

func storeKinds() []storeKind {
	return []storeKind{
		{"plain", unbound, plain},
		{"plain, of a log", ofLog, plain},
		{"fenced", unbound, fenced},
		{"fenced, of a log", ofLog, fenced},
	}
}

func plain(testing.TB) []kafkacursor.Option { return nil }

func fenced(tb testing.TB) []kafkacursor.Option {
	tb.Helper()
	return []kafkacursor.Option{kafkacursor.WithFencing(kafkaharness.Name(tb))}
}

func unbound(s *kafkacursor.Store) reflex.CursorStore { return s }

func ofLog(s *kafkacursor.Store) reflex.CursorStore { return s.For(stampedLog{}) }

// stampedLog adds to cursors what a partition does.
type stampedLog struct{}

const stamp = "@Rk3sT1x2Q9ilbZk9Pb1xGg:4"

func (stampedLog) Topic() string                 { return "orders" }
func (stampedLog) Partition() int32              { return 7 }
func (stampedLog) Stamp() func(id string) string { return func(id string) string { return id + stamp } }

func sameCursor(set, got string) bool { return set == strings.TrimSuffix(got, stamp) }

func newBackend(tb testing.TB, cluster *kafkaharness.Cluster, kind func(*kafkacursor.Store) reflex.CursorStore, opts ...kafkacursor.Option) reflextest.CursorBackend {
	tb.Helper()
	topic := kafkaharness.Name(tb)
	tb.Cleanup(func() { cluster.DeleteTopic(tb, topic) })
	line := &line{}
	open := func(tb testing.TB) reflex.CursorStore {
		tb.Helper()
		store, err := kafkacursor.Open(tb.Context(), append(cluster.Opts(), kgo.Dialer(line.dial)), topic, opts...)
		require.NoError(tb, err)
		tb.Cleanup(func() { closeStore(tb, store) })
		return kind(store)
	}
	return reflextest.CursorBackend{Store: open(tb), Reopen: open, Stall: func(testing.TB) func() { return line.stall() }}
}

// closeStore closes a store that may have been superseded or fenced by the one that was
// opened after it.
func closeStore(tb testing.TB, store *kafkacursor.Store) {
	tb.Helper()
	err := store.Close()
	if err != nil && !errors.IsAny(err, kafkacursor.ErrSuperseded, kafkacursor.ErrFenced, kafkacursor.ErrOwnershipUnknown) {
		tb.Errorf("close store: %v", err)
	}
}
