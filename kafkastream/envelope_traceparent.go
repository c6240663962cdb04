package kafkastream

import (
	"bytes"
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// traceParentSize is the length of version 00: 00-<32 hex>-<16 hex>-<2 hex>.
const traceParentSize = 2 + 1 + 32 + 1 + 16 + 1 + 2

const (
	traceParentVersion = "00"
	invalidVersion     = 0xff
)

func appendTraceParent(dst []byte, sc trace.SpanContext) []byte {
	traceID, spanID := sc.TraceID(), sc.SpanID()
	dst = append(dst, traceParentVersion...)
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, traceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, spanID[:])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, []byte{byte(sc.TraceFlags())})
}

// parseTraceParent reads a traceparent of any version, as the standard asks: one of a
// higher version than 00 may be longer.
func parseTraceParent(b []byte) (trace.SpanContext, bool) {
	if len(b) < traceParentSize || b[2] != '-' || b[35] != '-' || b[52] != '-' {
		return trace.SpanContext{}, false
	}
	var conf trace.SpanContextConfig
	var version, flags [1]byte
	if !lowerHex(version[:], b[:2]) || !lowerHex(conf.TraceID[:], b[3:35]) ||
		!lowerHex(conf.SpanID[:], b[36:52]) || !lowerHex(flags[:], b[53:55]) {
		return trace.SpanContext{}, false
	}
	switch longer := len(b) > traceParentSize; {
	case version[0] == invalidVersion,
		version[0] == 0 && longer,
		version[0] != 0 && longer && b[traceParentSize] != '-':
		return trace.SpanContext{}, false
	}
	conf.TraceFlags = trace.TraceFlags(flags[0])
	sc := trace.NewSpanContext(conf)
	return sc, sc.IsValid()
}

// lowerHex decodes src, which is twice as long as dst. The standard forbids
// upper case, so hex.Decode would take too much.
func lowerHex(dst, src []byte) bool {
	for i := range dst {
		hi, ok1 := nibble(src[2*i])
		lo, ok2 := nibble(src[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	default:
		return 0, false
	}
}

// exactSpan returns the span of a trace if a traceparent can stand for it: if
// reading that gives back the same bytes, whoever made them.
func exactSpan(encoded []byte) (trace.SpanContext, bool) {
	sc, ok := reflex.DecodeTrace(encoded)
	if !ok {
		return trace.SpanContext{}, false
	}
	var room [reflex.MaxTraceLen]byte
	return sc, bytes.Equal(reflex.AppendTrace(room[:0], sc), encoded)
}
