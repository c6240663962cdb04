package kafkacursor_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	for name, opts := range map[string][]kafkacursor.Option{
		"plain":      nil,
		"partitions": {kafkacursor.WithPartitions(5)},
		"eager":      {kafkacursor.WithFlushInterval(0)},
		"fenced":     {kafkacursor.WithFencing("test-")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("unbound", func(t *testing.T) {
				reflextest.RunCursorStoreTests(t, harness(opts, nil, nil))
			})
			t.Run("bound", func(t *testing.T) {
				reflextest.RunCursorStoreTests(t, harness(opts, log{}, nil))
			})
			t.Run("stamped", func(t *testing.T) {
				same := func(set, got string) bool {
					id, stamp, _ := strings.Cut(got, "@")
					return set == id && (id == "" || stamp == "id:4")
				}
				reflextest.RunCursorStoreTests(t, harness(opts, log{stamp: "@id:4"}, same))
			})
		})
	}
}

func harness(opts []kafkacursor.Option, of kafkacursor.Log, same func(string, string) bool) reflextest.CursorStoreHarness {
	return reflextest.CursorStoreHarness{
		New: func(tb testing.TB) reflextest.CursorBackend {
			tb.Helper()
			broker := kafkatest.Start(tb)
			open := func(tb testing.TB) reflex.CursorStore {
				tb.Helper()
				store, err := kafkacursor.Open(tb.Context(), broker.Opts(), "cursors", opts...)
				require.NoError(tb, err)
				tb.Cleanup(func() { store.Close() })
				if of == nil {
					return store
				}
				return store.For(of)
			}
			return reflextest.CursorBackend{
				Store:  open(tb),
				Reopen: open,
				Stall:  stall(broker.Cluster()),
			}
		},
		StringCursors:  same == nil,
		ReadYourWrites: true,
		Monotonic:      true,
		Same:           same,
	}
}

// stall has the cluster hold all requests that write, until resume.
func stall(cluster *kfake.Cluster) func(testing.TB) (resume func()) {
	return func(testing.TB) func() {
		ctx, resume := context.WithCancel(context.Background())
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			cluster.SleepControl(func() { <-ctx.Done() })
			return nil, nil, false
		})
		return resume
	}
}

// log is a log whose cursors carry a fixed stamp.
type log struct{ stamp string }

func (log) Topic() string    { return "orders" }
func (log) Partition() int32 { return 0 }

func (l log) Stamp() func(string) string {
	return func(id string) string { return id + l.stamp }
}
