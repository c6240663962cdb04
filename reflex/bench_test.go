package reflex_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// sliceClient hands out the events again and again, n in all, and allocates nothing.
type sliceClient struct {
	events []reflex.Event
	n, at  int
}

func newSliceClient(n int, traceOf []byte) *sliceClient {
	list := make([]reflex.Event, 1000)
	for i := range list {
		list[i] = reflex.Event{
			ID:        strconv.Itoa(i),
			Type:      testType(1),
			ForeignID: "foreign",
			Timestamp: time.Now(),
			Trace:     traceOf,
		}
	}
	return &sliceClient{events: list, n: n}
}

func (c *sliceClient) Recv() (*reflex.Event, error) {
	if c.at == c.n {
		return nil, errEnd
	}
	e := &c.events[c.at%len(c.events)]
	c.at++
	return e, nil
}

// lastCursor is a store that costs nothing.
type lastCursor struct{ cursor string }

func (c *lastCursor) GetCursor(context.Context, string) (string, error) { return c.cursor, nil }
func (c *lastCursor) SetCursor(_ context.Context, _, cursor string) error {
	c.cursor = cursor
	return nil
}
func (c *lastCursor) Flush(context.Context) error { return nil }

// runConsumers are ways to consume. Each call makes a consumer anew.
func runConsumers() map[string]func(r prometheus.Registerer) reflex.Consumer {
	metered := func(opts ...reflex.ConsumerOption) func(r prometheus.Registerer) reflex.Consumer {
		return func(r prometheus.Registerer) reflex.Consumer {
			return reflex.NewConsumer("bench", noop, append(opts, reflex.WithConsumerRegisterer(r))...)
		}
	}
	return map[string]func(r prometheus.Registerer) reflex.Consumer{
		"bare":     func(prometheus.Registerer) reflex.Consumer { return consumerOf(noop) },
		"consumer": metered(),
		"filtered": metered(reflex.WithFilterIncludeTypes(testType(2))),
		"traced":   metered(),
	}
}

func traceFor(name string) []byte {
	if name != "traced" {
		return nil
	}
	return reflex.EncodeTrace(spanContext(trace.FlagsSampled))
}

// Nothing is allocated but a slab of contexts now and then, and what
// making a consumer and starting a run take.
func TestRunAllocatesNothingPerEvent(t *testing.T) {
	const n = 50_000
	for name, make := range runConsumers() {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			client := newSliceClient(n, traceFor(name))
			allocs := testing.AllocsPerRun(3, func() {
				client.at = 0
				err := reflex.Run(t.Context(), reflex.NewSpec(streamOf(client), new(lastCursor), make(registry)))
				require.EqualError(t, err, "recv error: end")
			})
			require.Less(t, allocs/n, 0.05)
			t.Logf("%.4f allocations per event", allocs/n)
		})
	}
}

func BenchmarkRun(b *testing.B) {
	for _, name := range []string{"bare", "consumer", "filtered", "traced"} {
		b.Run(name, func(b *testing.B) {
			consumer := runConsumers()[name](prometheus.NewRegistry())
			client := newSliceClient(b.N, traceFor(name))
			b.ReportAllocs()
			b.ResetTimer()
			err := reflex.Run(b.Context(), reflex.NewSpec(streamOf(client), new(lastCursor), consumer))
			if err.Error() != "recv error: end" {
				b.Fatal(err)
			}
		})
	}
}
