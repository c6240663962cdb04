package reflex

import (
	"context"
	"slices"

	"github.com/luno/jettison/log"
	"github.com/luno/jettison/models"
	"go.opentelemetry.io/otel/trace"
)

// contextKeys are the keys under which jettison's log keys and OpenTelemetry's span are
// in a context. Both are private to their packages, so they are found out by
// looking which key is asked for.
type contextKeys struct {
	log  any
	span any
}

func (k contextKeys) known() bool { return k.log != nil && k.span != nil }

// learnContextKeys returns the keys, or none if either can't be learned or is not
// used as assumed, by other versions of those packages. Values are then added to
// contexts the usual way.
func learnContextKeys() contextKeys {
	keys := contextKeys{
		log:  askedKey(func(ctx context.Context) { log.ContextKeyValues(ctx) }),
		span: askedKey(func(ctx context.Context) { trace.SpanContextFromContext(ctx) }),
	}
	if !keys.known() || !keys.work() {
		return contextKeys{}
	}
	return keys
}

// work reports whether values of our making are understood under the keys.
func (k contextKeys) work() bool {
	values := []models.KeyValue{{Key: keyConsumer, Value: keyConsumer}}
	ctx := context.WithValue(context.Background(), k.log, values)
	if !slices.Equal(log.ContextKeyValues(ctx), values) {
		return false
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1},
		SpanID:  trace.SpanID{1},
		Remote:  true,
	})
	ctx = context.WithValue(context.Background(), k.span, remoteSpan(sc))
	return trace.SpanContextFromContext(ctx).Equal(sc)
}

// askedKey returns the only key for which fn asks its context, or nil.
func askedKey(fn func(context.Context)) any {
	spy := &keySpy{Context: context.Background()}
	fn(spy)
	if len(spy.asked) != 1 {
		return nil
	}
	return spy.asked[0]
}

type keySpy struct {
	context.Context
	asked []any
}

func (s *keySpy) Value(key any) any {
	s.asked = append(s.asked, key)
	return s.Context.Value(key)
}
