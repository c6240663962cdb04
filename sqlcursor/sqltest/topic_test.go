package sqltest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	jlog "github.com/luno/jettison/log"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkarun"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// A topic of partitions is shared by two runners of a group, which are started and ended at random while events
// come, with cursors in the database: each event has its effect once.
func TestEffectsOfATopicAreExactlyOnce(t *testing.T) {
	jlog.SetDefaultLoggerForTesting(t, &bytes.Buffer{})
	each(t, func(d *database) {
		const partitions, events = 4, 40
		t := d.t
		d.created()
		e := d.effects()
		broker := kafkatest.Start(t, kafkatest.WithTopic("orders", partitions))
		writer, err := kgo.NewClient(append(broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		require.NoError(t, err)
		defer writer.Close()
		publish := func() {
			for p := range int32(partitions) {
				require.NoError(t, writer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: p, Value: []byte("x")}).FirstErr())
			}
		}
		start := func() (stop func()) {
			store := d.store() // each process has its own
			runner, err := kafkarun.New(broker.Opts(), "orders", store, func(p kafkarun.Part) reflex.Spec {
				of := store.Bind(p.Log)
				return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer(consumer, func(ctx context.Context, ev *reflex.Event) error {
					return of.Transact(ctx, consumer, ev.ID, e.logic(fmt.Sprintf("%d/%s", p.Partition, ev.ID)))
				}))
			}, kafkarun.WithGroup("billers", kgo.HeartbeatInterval(50*time.Millisecond)),
				kafkarun.WithRetry(10*time.Millisecond, 100*time.Millisecond))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- runner.Run(ctx) }()
			var once sync.Once
			stop = func() {
				once.Do(func() {
					cancel()
					require.ErrorIs(t, <-done, context.Canceled)
				})
			}
			t.Cleanup(stop)
			return stop
		}
		stops := []func(){start(), start()}
		for range events {
			publish()
			if rand.IntN(8) == 0 {
				i := rand.IntN(len(stops))
				stops[i]()
				stops[i] = start()
			}
		}
		want := map[string]int{}
		for p := range partitions {
			for o := range events {
				want[fmt.Sprintf("%d/%d", p, o)] = 1
			}
		}
		require.Eventually(t, func() bool { return len(e.read()) == len(want) }, time.Minute, 20*time.Millisecond)
		for _, stop := range stops {
			stop()
		}
		require.Equal(t, want, e.read())
	})
}
