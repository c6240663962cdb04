package reflex_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"
	"github.com/luno/jettison/models"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// inRun runs the function as the consumer of each of the events.
func inRun(ctx context.Context, t *testing.T, fn reflex.ConsumerFunc, list ...*reflex.Event) {
	t.Helper()
	err := reflex.Run(ctx, reflex.NewSpec(reflex.NewMockStream(list, errEnd), new(fakeStore), consumerOf(fn)))
	require.EqualError(t, err, "recv error: end")
}

func keysOf(e *reflex.Event) j.MKS {
	return j.MKS{"consumer": "consumer", "event_fid": e.ForeignID, "event_id": e.ID}
}

func TestLogKeysOfAnEvent(t *testing.T) {
	parents := map[string]context.Context{
		"no keys":        t.Context(),
		"other keys":     log.ContextWith(t.Context(), j.KV("a", 1), j.KV("z", 2)),
		"same consumer":  log.ContextWith(t.Context(), j.KS("consumer", "consumer"), j.KV("z", 2)),
		"other consumer": log.ContextWith(t.Context(), j.KS("consumer", "outer")),
		"all the same":   log.ContextWith(t.Context(), keysOf(event(1))),
	}
	for name, parent := range parents {
		t.Run(name, func(t *testing.T) {
			before := log.ContextKeyValues(parent)
			inRun(parent, t, func(ctx context.Context, e *reflex.Event) error {
				want := log.ContextKeyValues(log.ContextWith(parent, keysOf(e)))
				require.Equal(t, want, log.ContextKeyValues(ctx))
				require.Equal(t, want, log.ContextKeyValues(ctx), "asked again")

				child := log.ContextWith(ctx, j.KS("own", "x"))
				require.Equal(t, append(want, models.KeyValue{Key: "own", Value: "x"}), log.ContextKeyValues(child))
				return nil
			}, events(3)...)
			require.Equal(t, before, log.ContextKeyValues(parent))
		})
	}
}

// A handler that works on in the background keeps its context. More events come
// than fit into one slab.
func TestContextOfAnEventMayBeKept(t *testing.T) {
	list := events(200)
	kept := make(map[string]context.Context)
	inRun(t.Context(), t, func(ctx context.Context, e *reflex.Event) error {
		kept[e.ID] = ctx
		return nil
	}, list...)
	for _, e := range list {
		require.Contains(t, log.ContextKeyValues(kept[e.ID]), models.KeyValue{Key: "event_id", Value: e.ID})
		require.ErrorIs(t, kept[e.ID].Err(), context.Canceled)
	}
}

func TestContextOfAnEventBehavesLikeAnyOther(t *testing.T) {
	traced := event(2)
	traced.Trace = reflex.EncodeTrace(spanContext(trace.FlagsSampled))
	for name, e := range map[string]*reflex.Event{"plain": event(1), "traced": traced} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				deadline := time.Now().Add(time.Hour)
				parent, cancel := context.WithDeadline(context.WithValue(t.Context(), ctxKey{}, "value"), deadline)
				defer cancel()
				consumer, _ := newConsumer(t, func(ctx context.Context, _ *reflex.Event) error {
					got, ok := ctx.Deadline()
					require.True(t, ok)
					require.Equal(t, deadline, got)
					require.Equal(t, "value", ctx.Value(ctxKey{}))
					require.Nil(t, ctx.Value("no such key"))

					before := runtime.NumGoroutine()
					child, cancelChild := context.WithCancel(ctx)
					defer cancelChild()
					grandchild, cancelGrandchild := context.WithTimeout(child, time.Hour)
					defer cancelGrandchild()
					require.Equal(t, before, runtime.NumGoroutine(), "children cost no goroutine")

					require.NoError(t, ctx.Err())
					cancel()
					<-ctx.Done()
					<-grandchild.Done()
					require.Equal(t, context.Canceled, ctx.Err())
					require.Equal(t, context.Canceled, grandchild.Err())
					return nil
				})
				err := reflex.Run(parent, reflex.NewSpec(reflex.NewMockStream([]*reflex.Event{e}, errEnd), new(fakeStore), consumer))
				require.EqualError(t, err, "recv error: context canceled")
			})
		})
	}
}

// The consumer is called by Run, whose context answers lazily, or by a pattern in
// between that has a context or an event of its own.
func TestTraceIsInTheContextOfTheConsumer(t *testing.T) {
	sc := spanContext(trace.FlagsSampled)
	outer := trace.ContextWithSpanContext(log.ContextWith(t.Context(), j.KS("outer", "y")), spanContext(0).WithSpanID(trace.SpanID{9}))
	tests := map[string]func(c reflex.Consumer) reflex.ConsumerFunc{
		"by Run": func(c reflex.Consumer) reflex.ConsumerFunc { return c.Consume },
		"with another context": func(c reflex.Consumer) reflex.ConsumerFunc {
			return func(ctx context.Context, e *reflex.Event) error {
				return c.Consume(context.WithValue(ctx, ctxKey{}, 1), e)
			}
		},
		"with another event": func(c reflex.Consumer) reflex.ConsumerFunc {
			return func(ctx context.Context, e *reflex.Event) error {
				other := e.Clone()
				e.Trace = reflex.EncodeTrace(spanContext(0).WithSpanID(trace.SpanID{7}))
				return c.Consume(ctx, other)
			}
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			var consumed int
			consumer, _ := newConsumer(t, func(ctx context.Context, e *reflex.Event) error {
				consumed++
				keys := log.ContextKeyValues(log.ContextWith(outer, keysOf(e)))
				got := trace.SpanContextFromContext(ctx)
				if e.ID == "1" {
					require.True(t, got.Equal(sc.WithRemote(true)), "%v", got)
					require.True(t, got.IsRemote())
					keys = append(keys, models.KeyValue{Key: "trace_id", Value: sc.TraceID().String()})
				} else {
					require.True(t, got.Equal(trace.SpanContextFromContext(outer)), "no trace, or none that can be read")
				}
				require.Equal(t, keys, log.ContextKeyValues(ctx))
				return nil
			})
			list := events(3)
			list[0].Trace = reflex.EncodeTrace(sc)
			list[1].Trace = []byte("malformed")
			inRun(outer, t, call(consumer), list...)
			require.Equal(t, 3, consumed)
		})
	}
}

// A consumer that is not NewConsumer's sees the span of whoever called Run.
func TestTraceIsNotInTheContextOfRun(t *testing.T) {
	outer := trace.ContextWithSpanContext(t.Context(), spanContext(0))
	e := event(1)
	e.Trace = reflex.EncodeTrace(spanContext(0).WithSpanID(trace.SpanID{9}))
	inRun(outer, t, func(ctx context.Context, _ *reflex.Event) error {
		require.True(t, trace.SpanContextFromContext(ctx).Equal(spanContext(0)))
		return nil
	}, e)
}
