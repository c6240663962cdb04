package kafkastream

import (
	"context"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// records encodes all events, so that nothing is sent if one of them is wrong.
func (p *Publisher) records(ctx context.Context, events []*reflex.Event) ([]*kgo.Record, error) {
	records := make([]*kgo.Record, len(events))
	for i, e := range events {
		r, err := p.record(ctx, e)
		if err != nil {
			return nil, errors.Wrap(err, "nothing was published", j.MKV{"topic": p.topic, "event": i})
		}
		records[i] = r
	}
	return records, nil
}

func (p *Publisher) record(ctx context.Context, e *reflex.Event) (*kgo.Record, error) {
	r, err := Encode(e)
	if err != nil {
		return nil, err
	}
	r.Topic = p.topic
	if len(e.Trace) == 0 {
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerTraceParent, Value: appendTraceParent(nil, sc)})
		}
	}
	size := batchSize(r)
	if size > p.sizeLimit {
		return nil, &EventTooLargeError{Topic: p.topic, Size: size, Limit: p.sizeLimit}
	}
	if p.bytes != nil && p.weight(r) > p.bytesSize {
		// It would wait for room that there can never be.
		return nil, &EventTooLargeError{Topic: p.topic, Size: size, Limit: int(p.bytesSize)}
	}
	return r, nil
}

// batchOverhead is a record batch without records, with the length before it,
// as kgo counts. versionSlack is what kgo counts in addition until it knows which
// version of the request the broker speaks: an event that near the limit is
// refused by kgo, the first time only.
const (
	batchOverhead = 1 + 61
	versionSlack  = 3
)

// batchSize is what a batch with this record alone takes before compression.
func batchSize(r *kgo.Record) int {
	const fixed = 3 // attributes, and deltas of timestamp and offset, which are 0
	n := fixed + varBytesSize(len(r.Key)) + varBytesSize(len(r.Value)) + kbin.VarintLen(int32(len(r.Headers)))
	for i := range r.Headers {
		n += varBytesSize(len(r.Headers[i].Key)) + varBytesSize(len(r.Headers[i].Value))
	}
	return batchOverhead + kbin.VarintLen(int32(n)) + n
}

func varBytesSize(n int) int { return kbin.VarintLen(int32(n)) + n }
