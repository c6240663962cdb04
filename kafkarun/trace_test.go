package kafkarun

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// tracer keeps what spans are begun with and how they end.
type tracer struct {
	noop.Tracer
	mu    sync.Mutex
	spans []*span
}

type span struct {
	noop.Span
	name   string
	config trace.SpanConfig
	parent trace.SpanContext
	status codes.Code
	ended  bool
}

func (s *span) SetStatus(code codes.Code, _ string) { s.status = code }
func (s *span) End(...trace.SpanEndOption)          { s.ended = true }

func (tr *tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	s := &span{name: name, config: trace.NewSpanStartConfig(opts...), parent: trace.SpanContextFromContext(ctx)}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.spans = append(tr.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func TestEventsAreProcessedInSpansLinkedToThePublishers(t *testing.T) {
	e := newEnv(t, 2)
	publisher := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	record, err := kafkastream.Encode(&reflex.Event{ForeignID: "o-1", Trace: reflex.EncodeTrace(publisher)})
	require.NoError(t, err)
	record.Topic, record.Partition = topic, 1
	require.NoError(t, e.writer.ProduceSync(t.Context(), record, &kgo.Record{Topic: topic, Partition: 1, Value: []byte("untraced")}).FirstErr())

	tr := &tracer{}
	failed := false
	r, err := New(e.broker.Opts(), topic, e.store(), func(p Part) reflex.Spec {
		return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer(consumer, p.Traced(tr, func(context.Context, *reflex.Event) error {
			if !failed {
				failed = true
				return errLogic
			}
			return nil
		})))
	}, WithGroup("group"), WithRetry(1, 1))
	require.NoError(t, err)
	run := e.start(r)
	e.eventually(func() bool { p, ok := partitions(r)[1]; return ok && p.Next == 2 }, "all are consumed")
	require.ErrorIs(t, run.stop(), context.Canceled)

	require.Len(t, tr.spans, 3)
	for i, s := range tr.spans {
		require.True(t, s.ended)
		require.Equal(t, "process orders", s.name)
		require.Equal(t, trace.SpanKindConsumer, s.config.SpanKind())
		require.Equal(t, i == 0, s.status == codes.Error)
		require.Subset(t, s.config.Attributes(), []attribute.KeyValue{
			attribute.String("messaging.system", "kafka"), attribute.String("messaging.destination.name", topic),
			attribute.Int64("messaging.destination.partition.id", 1), attribute.String("messaging.consumer.group.name", "group"),
			attribute.Int64("messaging.kafka.offset", int64(max(i-1, 0))),
		})
	}
	require.Len(t, tr.spans[0].config.Links(), 1)
	require.Equal(t, publisher.WithRemote(true), tr.spans[0].config.Links()[0].SpanContext)
	require.Equal(t, publisher.TraceID(), tr.spans[0].parent.TraceID())
	require.Empty(t, tr.spans[2].config.Links())
}

func TestFailuresAreLoggedWithSlog(t *testing.T) {
	e := newEnv(t, 1)
	e.setLogic(func(context.Context, int32, *reflex.Event) error { return errors.New("out of paper") })
	e.publish(1, 0)
	var logged bytes.Buffer
	var mu sync.Mutex
	r := e.runner(e.store(), WithLogger(slog.New(slog.NewTextHandler(lockedWriter{&mu, &logged}, nil))))
	run := e.start(r)
	e.eventually(func() bool { return partitions(r)[0].Failures > 0 }, "it fails")
	require.ErrorIs(t, run.stop(), context.Canceled)
	mu.Lock()
	defer mu.Unlock()
	for _, part := range []string{`msg="partition failed"`, "consumer=billing", "topic=orders", "partition=0", "out of paper"} {
		require.Contains(t, logged.String(), part)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}
