package kafkacursor_test

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

func TestStoreOfAMemberKeepsTheContract(t *testing.T) {
	for name, opts := range map[string][]kafkacursor.Option{
		"member":            nil,
		"member, eager":     {kafkacursor.WithFlushInterval(0)},
		"member, 5 cursors": {kafkacursor.WithPartitions(5)},
	} {
		t.Run(name, func(t *testing.T) {
			reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
				New: func(tb testing.TB) reflextest.CursorBackend {
					tb.Helper()
					return memberBackend(tb, opts)
				},
				ReadYourWrites: true,
				Monotonic:      true,
				Same: func(set, got string) bool {
					id, stamp, _ := strings.Cut(got, "@")
					return set == id && (id == "" || stamp == "id:4")
				},
			})
		})
	}
}

// memberBackend has a member that nothing happens to, which all stores write for.
func memberBackend(tb testing.TB, opts []kafkacursor.Option) reflextest.CursorBackend {
	tb.Helper()
	broker := kafkatest.Start(tb, kafkatest.WithTopic(orders, 1))
	cl, err := kgo.NewClient(append(broker.Opts(),
		kgo.ConsumerGroup(billers), kgo.ConsumeTopics(orders), kgo.DisableAutoCommit(), kgo.Balancers(kgo.CooperativeStickyBalancer()))...)
	require.NoError(tb, err)
	cl.PauseFetchTopics(orders)
	tb.Cleanup(cl.Close)
	m := &member{cl: cl, owned: []int32{0}}
	require.Eventually(tb, func() bool { _, _, generation := m.Generation(); return generation >= 0 }, patient, 5*time.Millisecond)

	var processes atomic.Int64
	open := func(tb testing.TB) reflex.CursorStore {
		tb.Helper()
		id := "process-" + strconv.FormatInt(processes.Add(1), 10)
		store, err := kafkacursor.Open(tb.Context(), broker.Opts(), cursors, append(opts, kafkacursor.WithMemberFencing(id))...)
		require.NoError(tb, err)
		tb.Cleanup(func() { store.Close() })
		leave, err := store.Join(m)
		require.NoError(tb, err)
		tb.Cleanup(leave)
		return store.For(log{stamp: "@id:4"})
	}
	return reflextest.CursorBackend{Store: open(tb), Reopen: open, Stall: stall(broker.Cluster())}
}
