package kafkarun

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// Traced returns logic that runs in a span of its own, of kind consumer, named "process" and the topic. The span is a child of the
// publisher's, where the event brings that along, and is linked to it. Its attributes are those of OpenTelemetry's
// semantic conventions for Kafka. A nil tracer returns the logic as it is.
//
//	reflex.NewConsumer("billing", p.Traced(tracer, logic))
func (p Part) Traced(tracer trace.Tracer, logic reflex.ConsumerFunc) reflex.ConsumerFunc {
	if tracer == nil {
		return logic
	}
	name := "process " + p.Topic
	fixed := []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.destination.name", p.Topic),
		attribute.Int64("messaging.destination.partition.id", int64(p.Partition)),
	}
	if p.Group != "" {
		fixed = append(fixed, attribute.String("messaging.consumer.group.name", p.Group))
	}
	return func(ctx context.Context, e *reflex.Event) (err error) {
		opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(fixed...)}
		if e.IsIDInt() {
			opts = append(opts, trace.WithAttributes(attribute.Int64("messaging.kafka.offset", e.IDInt())))
		}
		if publisher := trace.SpanContextFromContext(ctx); publisher.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: publisher}))
		}
		ctx, span := tracer.Start(ctx, name, opts...)
		ended := false
		defer func() {
			if !ended { // it panics, which the consumer makes an error of
				span.SetStatus(codes.Error, "panic")
			}
			span.End()
		}()
		err = logic(ctx, e)
		ended = true
		if err != nil && !reflex.IsExpected(err) {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		return err
	}
}
