package reflex

import (
	"encoding/binary"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// An encoded trace is a protobuf message: field 1 the trace ID and field 2 the
// span ID, both as lower-case hex text, and field 3 the trace flags as varint,
// which is left out unless the span is sampled. It is written by hand because
// registering a second reflexpb would panic in a binary that also links
// luno/reflex.
const (
	traceIDTag    = 1<<3 | wireBytes
	spanIDTag     = 2<<3 | wireBytes
	traceFlagsTag = 3<<3 | wireVarint

	traceIDHexLen = 2 * len(trace.TraceID{})
	spanIDHexLen  = 2 * len(trace.SpanID{})

	// traceUnsampledLen is the length of the encoding that luno/reflex
	// writes too; MaxTraceLen has the flags in addition.
	traceUnsampledLen = 2 + traceIDHexLen + 2 + spanIDHexLen
)

// MaxTraceLen is the most bytes that AppendTrace appends.
const MaxTraceLen = traceUnsampledLen + 2

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// EncodeTrace returns the bytes of Event.Trace for the span, or nil if its
// trace ID or span ID is missing. Trace state and the remote mark are not kept;
// the sampled flag is, so that a consumer's spans are recorded when the
// producer's were.
func EncodeTrace(sc trace.SpanContext) []byte {
	if !sc.IsValid() {
		return nil
	}
	return AppendTrace(make([]byte, 0, MaxTraceLen), sc)
}

// AppendTrace appends what EncodeTrace returns to dst and returns it.
func AppendTrace(dst []byte, sc trace.SpanContext) []byte {
	if !sc.IsValid() {
		return dst
	}
	traceID, spanID := sc.TraceID(), sc.SpanID()
	dst = append(dst, traceIDTag, byte(traceIDHexLen))
	dst = hex.AppendEncode(dst, traceID[:])
	dst = append(dst, spanIDTag, byte(spanIDHexLen))
	dst = hex.AppendEncode(dst, spanID[:])
	if sc.IsSampled() {
		dst = append(dst, traceFlagsTag, byte(trace.FlagsSampled))
	}
	return dst
}

// DecodeTrace returns the span context of Event.Trace, marked as remote. It is
// false for bytes that hold no valid one, the empty ones among them. Fields may
// come in any order and unknown ones are skipped, so that a later version may
// add some.
func DecodeTrace(b []byte) (trace.SpanContext, bool) {
	var conf trace.SpanContextConfig
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 {
			return trace.SpanContext{}, false
		}
		b = b[n:]

		var (
			text  []byte
			value uint64
			ok    bool
		)
		text, value, b, ok = cutField(b, tag&7)
		if !ok {
			return trace.SpanContext{}, false
		}
		switch tag {
		case traceIDTag:
			ok = decodeID(conf.TraceID[:], text)
		case spanIDTag:
			ok = decodeID(conf.SpanID[:], text)
		case traceFlagsTag:
			// Only the sampled bit is ours to pass on.
			conf.TraceFlags = trace.TraceFlags(value) & trace.FlagsSampled
		}
		if !ok {
			return trace.SpanContext{}, false
		}
	}
	conf.Remote = true
	sc := trace.NewSpanContext(conf)
	return sc, sc.IsValid()
}

// cutField splits the payload of a field off b.
func cutField(b []byte, wireType uint64) (text []byte, value uint64, rest []byte, ok bool) {
	switch wireType {
	case wireVarint:
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, 0, nil, false
		}
		return nil, v, b[n:], true
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, 0, nil, false
		}
		return b[n : n+int(size)], 0, b[n+int(size):], true
	case wireFixed64:
		if len(b) < 8 {
			return nil, 0, nil, false
		}
		return nil, 0, b[8:], true
	case wireFixed32:
		if len(b) < 4 {
			return nil, 0, nil, false
		}
		return nil, 0, b[4:], true
	default:
		// Groups are of no use here.
		return nil, 0, nil, false
	}
}

// decodeID reads lower-case hex of exactly the right length, as OpenTelemetry
// does: an upper-case ID would be another text of the same span.
func decodeID(dst, text []byte) bool {
	if len(text) != 2*len(dst) {
		return false
	}
	for _, c := range text {
		if 'A' <= c && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, text)
	return err == nil
}
