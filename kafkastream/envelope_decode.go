package kafkastream

import (
	"math"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Envelope returns the decoder of what a Publisher writes; Encode documents the
// format. It is what a stream uses by default, in a form that saves
// allocations by knowing the record before; use this one inside a Decoder of your own,
// for topics where only some records are in another format.
func Envelope() Decoder {
	return func(r *kgo.Record, e *reflex.Event) error {
		var d envelopeDecoder
		return d.decode(r, e)
	}
}

// eventType is the type of an event whose source knows numbers only.
type eventType int

var _ reflex.EventType = eventType(0)

// ReflexType returns the number.
func (t eventType) ReflexType() int { return int(t) }

// envelopeDecoder decodes one stream, for one goroutine. The zero value is
// ready. It allocates only per slab of traces and per change of type.
type envelopeDecoder struct {
	traces traceSlab
	// The type of the record before: putting a number into an interface
	// allocates, and most neighbours have the same.
	last eventType
	typ  reflex.EventType
}

func newEnvelopeDecoder() *envelopeDecoder {
	return &envelopeDecoder{traces: traceSlab{size: traceSlabSize}}
}

func (d *envelopeDecoder) decode(r *kgo.Record, e *reflex.Event) error {
	decodePlain(r, e)

	var typ, raw, parent *kgo.RecordHeader
	for i := range r.Headers {
		switch h := &r.Headers[i]; h.Key {
		case headerType:
			typ = h
		case headerRawTrace:
			raw = h
		case headerTraceParent:
			parent = h
		}
	}
	if typ != nil {
		number, ok := parseDecimal(typ.Value)
		if !ok {
			return newDecodeError(r, `header "`+headerType+`"`, typ.Value, errNotDecimal)
		}
		if d.typ == nil || d.last != eventType(number) {
			d.last = eventType(number)
			d.typ = d.last
		}
		e.Type = d.typ
	}
	switch {
	case raw != nil && len(raw.Value) > 0:
		e.Trace = raw.Value
	case parent != nil:
		e.Trace = d.traces.trace(parent.Value)
	}
	return nil
}

// decodePlain fills what needs no format.
func decodePlain(r *kgo.Record, e *reflex.Event) {
	e.ForeignID = textOf(r.Key)
	e.Timestamp = r.Timestamp.UTC()
	e.MetaData = r.Value
}

// textOf returns the bytes of a record as string without copying them. That is
// safe because nobody writes to them after the fetch: what is reused are the
// records, not the response that their keys, values and headers are parts of.
func textOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// parseDecimal reads an int in decimal: an optional minus and digits. Unlike
// strconv it needs no string and takes neither plus, underscore nor base prefix.
func parseDecimal(b []byte) (int, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	// Counting below zero, as the smallest int has no positive counterpart.
	n := 0
	for _, c := range b {
		digit := int(c) - '0'
		if digit < 0 || digit > 9 || n < (math.MinInt+digit)/10 {
			return 0, false
		}
		n = n*10 - digit
	}
	if negative {
		return n, true
	}
	return -n, n != math.MinInt
}

// traceSlab makes traces without an allocation each.
type traceSlab struct {
	free []byte
	size int // of a slab, 0 allocates each trace by itself
}

// traceSlabSize holds about 75 traces: few allocations, and an event that is kept
// for long pins little.
const traceSlabSize = 4096

// trace returns the trace of a traceparent, or nil if it breaks the standard: a
// trace is a hint, and no reason to stop a stream.
func (s *traceSlab) trace(parent []byte) []byte {
	sc, ok := parseTraceParent(parent)
	if !ok {
		return nil
	}
	if cap(s.free)-len(s.free) < reflex.MaxTraceLen {
		s.free = make([]byte, 0, max(s.size, reflex.MaxTraceLen))
	}
	start := len(s.free)
	s.free = reflex.AppendTrace(s.free, sc)
	// Capped, so that an append to one trace can't write into the next.
	return s.free[start:len(s.free):len(s.free)]
}
