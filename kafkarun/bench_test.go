package kafkarun

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/log"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// BenchmarkIdlePartitions runs topics that have nothing to consume, on the embedded broker: how long until all partitions wait at
// the head, and what each costs from then on.
func BenchmarkIdlePartitions(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			broker := kafkatest.Start(b, kafkatest.WithTopic(topic, int32(n)))
			for b.Loop() {
				memory, goroutines := footprint()
				store, err := kafkacursor.Open(b.Context(), broker.Opts(), "cursors")
				require.NoError(b, err)
				r, err := New(broker.Opts(), topic, store, func(p Part) reflex.Spec {
					return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer(consumer, func(context.Context, *reflex.Event) error { return nil }))
				})
				require.NoError(b, err)
				ctx, cancel := context.WithCancel(b.Context())
				done := make(chan error, 1)
				begin := time.Now()
				go func() { done <- r.Run(ctx) }()
				require.Eventually(b, func() bool { return len(owners(r)) == n }, time.Minute, 10*time.Millisecond)
				b.ReportMetric(time.Since(begin).Seconds(), "start-s")
				memoryNow, goroutinesNow := footprint()
				// What the broker in this process has for our connections is in it too.
				b.ReportMetric(float64(memoryNow-memory)/float64(n)/1024, "KiB/partition")
				b.ReportMetric(float64(goroutinesNow-goroutines)/float64(n), "goroutines/partition")
				begin = time.Now()
				cancel()
				require.ErrorIs(b, <-done, context.Canceled)
				b.ReportMetric(time.Since(begin).Seconds(), "stop-s")
				require.NoError(b, store.Close())
			}
		})
	}
}

// footprint is what the heap and stacks take, and how many goroutines there are.
func footprint() (bytes int64, goroutines int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
}

// BenchmarkStuckPartition measures 11 partitions beside one that is stuck, against the same 11 beside one that isn't, in turns.
func BenchmarkStuckPartition(b *testing.B) {
	log.SetDefaultLoggerForTesting(b, io.Discard)
	const others, events = 11, 200_000
	broker := kafkatest.Start(b, kafkatest.WithTopic(topic, others+1))
	writer, err := kgo.NewClient(append(broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(b, err)
	defer writer.Close()
	for p := range int32(others + 1) {
		n := events
		if p == others {
			n = 1
		}
		for range n {
			writer.Produce(b.Context(), &kgo.Record{Topic: topic, Partition: p, Value: make([]byte, 100)}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
	}
	require.NoError(b, writer.Flush(b.Context()))

	round := 0
	rate := func(stuck bool) float64 {
		round++
		store, err := kafkacursor.Open(b.Context(), broker.Opts(), "cursors")
		require.NoError(b, err)
		var count atomic.Int64
		all := make(chan struct{})
		name := fmt.Sprint("consumer-", round) // begins anew
		r, err := New(broker.Opts(), topic, store, func(p Part) reflex.Spec {
			return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer(name, func(ctx context.Context, _ *reflex.Event) error {
				if p.Partition == others {
					if stuck {
						<-ctx.Done()
					}
					return ctx.Err()
				}
				if count.Add(1) == others*events {
					close(all)
				}
				return nil
			}))
		}, WithDrainTime(0))
		require.NoError(b, err)
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		begin := time.Now()
		go func() { done <- r.Run(ctx) }()
		<-all
		took := time.Since(begin)
		cancel()
		<-done
		require.NoError(b, store.Close())
		return others * events / took.Seconds()
	}
	rate(false) // warm
	var with, without float64
	for b.Loop() {
		without += rate(false)
		with += rate(true)
	}
	b.ReportMetric(with/float64(b.N), "events/s-beside-stuck")
	b.ReportMetric(without/float64(b.N), "events/s-beside-well")
	b.ReportMetric(with/without, "ratio")
}
