package kafkastream

import (
	"math"
	"strconv"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// The headers of the envelope. They are short because each record carries them.
const (
	headerType        = "t"
	headerRawTrace    = "r"
	headerTraceParent = "traceparent"
)

// ErrInvalidEvent is returned for an event that no record can hold. Nothing
// was sent.
var ErrInvalidEvent = errors.New("event can't be published", j.C("ERR_1e6bd2403c9f85a7"))

// encoded is a record with room for all that Encode makes, so that it takes one
// allocation beside the key.
type encoded struct {
	record  kgo.Record
	headers [2]kgo.RecordHeader
	text    [maxDecimal + traceParentSize]byte
}

// maxDecimal is the longest int64 in decimal.
const maxDecimal = len("-9223372036854775808")

// Encode returns the record that a Publisher writes for the event, without
// topic and partition. Use it with a kgo client of your own; a stream reads it
// back by default, and Envelope does so anywhere else.
//
// The format, for writers and readers in any language:
//
//	key                 foreign id in UTF-8, null if there is none
//	value               metadata, null if it is nil; an empty one is an empty value
//	timestamp           the event's, in milliseconds (CreateTime)
//	header t            type as decimal integer, such as 3; absent if there is no type
//	header traceparent  trace, as W3C Trace Context defines it; absent if there is none
//	header r            trace bytes that are no W3C trace, instead of traceparent
//
// A reader takes the last of headers with the same name, as Kafka's lastHeader
// does; it prefers r to traceparent, which instrumentation may have added; it
// ignores other headers, and a traceparent that breaks the standard. A t that is no
// integer is an error: the event's meaning hangs on it.
//
// The ID of the event is not encoded: it is the offset that Kafka gives. A zero
// Timestamp becomes the time of sending.
//
// The record shares the memory of MetaData and Trace, which must not change until
// the record was sent. Encode returns ErrInvalidEvent for a nil event and for
// a timestamp before 1970 or after 2262, where those of Kafka and kgo end.
func Encode(e *reflex.Event) (*kgo.Record, error) {
	if err := validEvent(e); err != nil {
		return nil, err
	}
	enc := new(encoded)
	r := &enc.record
	r.Timestamp = e.Timestamp
	r.Value = e.MetaData
	if e.ForeignID != "" {
		r.Key = []byte(e.ForeignID)
	}

	headers, text := enc.headers[:0], enc.text[:0]
	if e.Type != nil {
		text = strconv.AppendInt(text, int64(e.Type.ReflexType()), 10)
		headers = append(headers, kgo.RecordHeader{Key: headerType, Value: text[:len(text):len(text)]})
	}
	if len(e.Trace) > 0 {
		header := kgo.RecordHeader{Key: headerRawTrace, Value: e.Trace}
		if sc, ok := exactSpan(e.Trace); ok {
			start := len(text)
			text = appendTraceParent(text, sc)
			header = kgo.RecordHeader{Key: headerTraceParent, Value: text[start:len(text):len(text)]}
		}
		headers = append(headers, header)
	}
	if len(headers) > 0 {
		r.Headers = headers
	}
	return r, nil
}

// kgo keeps timestamps of a batch as nanoseconds since 1970 in an int64, and Kafka
// refuses negative ones: beyond either bound another time would come back.
func lastTimestamp() time.Time { return time.Unix(0, math.MaxInt64) }

func validEvent(e *reflex.Event) error {
	if e == nil {
		return errors.Wrap(ErrInvalidEvent, "event is nil")
	}
	if !e.Timestamp.IsZero() && (e.Timestamp.UnixMilli() < 0 || e.Timestamp.After(lastTimestamp())) {
		return errors.Wrap(ErrInvalidEvent, "timestamp is before 1970 or after 2262", j.KS("timestamp", e.Timestamp.String()))
	}
	return nil
}
