package reflex

import (
	"context"
	"testing"

	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"
	"github.com/luno/jettison/models"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

func TestContextKeysAreLearned(t *testing.T) {
	keys := learnContextKeys()
	require.True(t, keys.known(), "every event pays for its log keys otherwise")

	ctx := log.ContextWith(t.Context(), j.KS("a", "b"))
	require.Equal(t, []models.KeyValue{{Key: "a", Value: "b"}}, ctx.Value(keys.log))
	span := remoteSpan(trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
	require.Equal(t, span, trace.ContextWithSpan(t.Context(), span).Value(keys.span))
}

func TestKeysThatDoNotWorkAreNotUsed(t *testing.T) {
	keys := learnContextKeys()
	require.True(t, keys.work())
	require.False(t, contextKeys{log: keys.span, span: keys.log}.work())
	require.False(t, contextKeys{log: keys.log, span: "other"}.work())

	require.Nil(t, askedKey(func(context.Context) {}))
	require.Nil(t, askedKey(func(ctx context.Context) {
		ctx.Value("one")
		ctx.Value("two")
	}))
}

// Other versions of those packages may keep their values in another way. Then they are put
// into each context as those packages do it.
func TestContextsWithoutLearnedKeys(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	e := &Event{ID: "1", ForeignID: "f", Trace: EncodeTrace(sc)}
	parent := log.ContextWith(t.Context(), j.KS("outer", "x"))

	lazy := newEventContexts(parent, "c")
	eager := newEventContexts(parent, "c")
	eager.run.keys = contextKeys{}

	lazyCtx, eagerCtx := lazy.next(e), eager.next(e)
	require.IsType(t, new(eventContext), lazyCtx)
	require.NotSame(t, lazyCtx, lazy.next(e), "none is used twice")
	require.NotEqual(t, lazyCtx, eagerCtx)
	require.Equal(t, log.ContextKeyValues(eagerCtx), log.ContextKeyValues(lazyCtx))
	require.False(t, trace.SpanContextFromContext(eagerCtx).IsValid())

	lazyCtx, eagerCtx = withTrace(lazyCtx, e), withTrace(eagerCtx, e)
	require.IsType(t, new(tracedContext), lazyCtx)
	require.Equal(t, log.ContextKeyValues(eagerCtx), log.ContextKeyValues(lazyCtx))
	require.True(t, trace.SpanContextFromContext(eagerCtx).Equal(sc))
	require.True(t, trace.SpanContextFromContext(lazyCtx).Equal(sc))
}
