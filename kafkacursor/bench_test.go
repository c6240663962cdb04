package kafkacursor_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

func benchStore(tb testing.TB) reflex.CursorStore {
	tb.Helper()
	broker := kafkatest.Start(tb)
	s, err := kafkacursor.Open(tb.Context(), broker.Opts(), cursors)
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	orders := s.For(fixedLog{})
	_, err = orders.GetCursor(tb.Context(), "billing")
	require.NoError(tb, err)
	return orders
}

// fixedLog stamps as *kafkastream.Partition does, without allocating.
type fixedLog struct{}

func (fixedLog) Topic() string              { return "orders" }
func (fixedLog) Partition() int32           { return 0 }
func (fixedLog) Stamp() func(string) string { return stamped }

func stamped(id string) string { return id + "@Rk3sT1x2Q9ilbZk9Pb1xGg:4" }

// ids are as those of a stream: each its own string.
func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(1000000 + i)
	}
	return all
}

func BenchmarkSetCursor(b *testing.B) {
	s := benchStore(b)
	ctx := context.Background()
	b.ReportAllocs()
	all := ids(b.N) // they have to grow, so b.Loop won't do
	b.ResetTimer()
	for _, id := range all {
		if err := s.SetCursor(ctx, "billing", id); err != nil {
			b.Fatal(err)
		}
	}
}

func TestSettingACursorAllocatesNothing(t *testing.T) {
	s := benchStore(t)
	ctx := t.Context()
	all := ids(20002)
	next := 0
	allocs := testing.AllocsPerRun(20000, func() {
		if err := s.SetCursor(ctx, "billing", all[next]); err != nil {
			t.Error(err)
		}
		next++
	})
	require.Less(t, allocs, 0.05, "beside the writes, of which there are ten a second")
}
