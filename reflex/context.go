package reflex

import (
	"context"
	"slices"
	"time"

	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"
	"github.com/luno/jettison/models"
	"go.opentelemetry.io/otel/trace"
)

// The log keys of an event and its trace are in the context of each event. Few
// handlers read them, but adding them to a context takes many times as long as
// all the rest of Run. So the context of an event only knows its event,
// and answers when somebody asks.
const (
	keyConsumer  = "consumer"
	keyEventFID  = "event_fid"
	keyEventID   = "event_id"
	keyTraceID   = "trace_id"
	contextsSlab = 64
)

// runContext is what the contexts of the events of one run have in common.
type runContext struct {
	context.Context
	keys     contextKeys
	consumer string
}

// eventContexts hands out the contexts of one run's events. They are
// allocated in slabs, and never used again: the logic may keep one.
type eventContexts struct {
	run  *runContext
	slab []eventContext
}

//nolint:contextcheck // Which key is asked for has nothing to do with ctx.
func newEventContexts(ctx context.Context, consumer string) eventContexts {
	return eventContexts{run: &runContext{Context: ctx, keys: learnContextKeys(), consumer: consumer}}
}

func (c *eventContexts) next(e *Event) context.Context {
	if !c.run.keys.known() {
		return log.ContextWith(c.run.Context, j.MKS{
			keyConsumer: c.run.consumer,
			keyEventFID: e.ForeignID,
			keyEventID:  e.ID,
		})
	}
	if len(c.slab) == 0 {
		c.slab = make([]eventContext, contextsSlab)
	}
	ec := &c.slab[0]
	c.slab = c.slab[1:]
	ec.run, ec.event = c.run, e
	return ec
}

// eventContext is the context of one event: that of the run and the log keys.
//
// All but the values comes from the run's context, and so does the value by which
// package context finds the parent to attach a cancellable child to. Without that
// each context.WithCancel on it would cost a goroutine.
type eventContext struct {
	run   *runContext
	event *Event
}

// tracedContext is the same with the trace of the event in addition. It is made of
// an eventContext by converting the pointer, so it costs nothing.
type tracedContext eventContext

var (
	_ context.Context = (*eventContext)(nil)
	_ context.Context = (*tracedContext)(nil)
)

func (c *eventContext) Deadline() (time.Time, bool) { return c.run.Deadline() }
func (c *eventContext) Done() <-chan struct{}       { return c.run.Done() }
func (c *eventContext) Err() error                  { return c.run.Err() }

func (c *eventContext) Value(key any) any {
	if key == c.run.keys.log {
		return c.logValues()
	}
	return c.run.Value(key)
}

// logValues returns the run's log keys with those of the event, in the order
// in which log.ContextWith would add them.
func (c *eventContext) logValues() []models.KeyValue {
	return addLogValues(log.ContextKeyValues(c.run.Context),
		models.KeyValue{Key: keyConsumer, Value: c.run.consumer},
		models.KeyValue{Key: keyEventFID, Value: c.event.ForeignID},
		models.KeyValue{Key: keyEventID, Value: c.event.ID},
	)
}

func (c *tracedContext) Deadline() (time.Time, bool) { return c.run.Deadline() }
func (c *tracedContext) Done() <-chan struct{}       { return c.run.Done() }
func (c *tracedContext) Err() error                  { return c.run.Err() }

func (c *tracedContext) Value(key any) any {
	switch key {
	case c.run.keys.span:
		if sc, ok := DecodeTrace(c.event.Trace); ok {
			return remoteSpan(sc)
		}
	case c.run.keys.log:
		values := (*eventContext)(c).logValues()
		if sc, ok := DecodeTrace(c.event.Trace); ok {
			values = addLogValues(values, traceLogValue(sc))
		}
		return values
	}
	return c.run.Value(key)
}

// withTrace returns the context with the event's trace as its remote span, and
// its trace ID as a log key. A trace that can't be decoded changes nothing: it
// must not keep the event from being consumed.
func withTrace(ctx context.Context, e *Event) context.Context {
	if len(e.Trace) == 0 {
		return ctx
	}
	if ec, ok := ctx.(*eventContext); ok && ec.event == e {
		return (*tracedContext)(ec)
	}
	sc, ok := DecodeTrace(e.Trace)
	if !ok {
		return ctx
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, sc)
	return log.ContextWithKeyValues(ctx, []models.KeyValue{traceLogValue(sc)})
}

func traceLogValue(sc trace.SpanContext) models.KeyValue {
	return models.KeyValue{Key: keyTraceID, Value: sc.TraceID().String()}
}

func remoteSpan(sc trace.SpanContext) trace.Span {
	return trace.SpanFromContext(trace.ContextWithRemoteSpanContext(context.Background(), sc))
}

// addLogValues appends those of add that are not there already, to a slice of
// the caller's own.
func addLogValues(values []models.KeyValue, add ...models.KeyValue) []models.KeyValue {
	known := values
	for _, kv := range add {
		if !slices.Contains(known, kv) {
			values = append(values, kv)
		}
	}
	return values
}
