package kafkastream

import (
	"maps"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Plain returns a decoder for any topic: the key is the foreign id, the value
// the metadata, and the timestamp the record's. Events have no type, so filters
// and logic must not ask for it. A W3C traceparent header is the trace. It never
// returns an error.
func Plain() Decoder {
	return func(r *kgo.Record, e *reflex.Event) error {
		decodePlain(r, e)
		e.Trace = traceOf(r)
		return nil
	}
}

// TypeFromHeader returns a decoder like Plain that takes the type from a header:
// by name from types, or, with nil types, as the decimal number that it holds.
// The last of several headers of that name counts.
//
// A record without the header has the type types[""]. Where there is no such
// type, or none of the name that is found, the decoder returns a DecodeError
// with ErrUnknownType.
func TypeFromHeader(name string, types map[string]reflex.EventType) Decoder {
	resolve := typeResolver(types)
	return func(r *kgo.Record, e *reflex.Event) error {
		decodePlain(r, e)
		e.Trace = traceOf(r)
		value, found := lastHeader(r, name)
		if types == nil {
			if !found {
				return newDecodeError(r, headerPart(name), nil, errMissing)
			}
			number, ok := parseDecimal(value)
			if !ok {
				return newDecodeError(r, headerPart(name), value, errNotDecimal)
			}
			e.Type = eventType(number)
			return nil
		}
		typ, ok := resolve(value)
		if !ok {
			return newDecodeError(r, headerPart(name), value, ErrUnknownType)
		}
		e.Type = typ
		return nil
	}
}

// typeResolver returns a look-up in a copy of types, as the user may go on
// changing the map while streams read from it. It costs no allocation.
func typeResolver(types map[string]reflex.EventType) func(name []byte) (reflex.EventType, bool) {
	known := maps.Clone(types)
	return func(name []byte) (reflex.EventType, bool) {
		typ, ok := known[string(name)]
		return typ, ok && typ != nil
	}
}

// lastHeader returns the value of the last header of that name, as all readers
// here do where a record has several.
func lastHeader(r *kgo.Record, name string) (value []byte, found bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

func headerPart(name string) string { return `header "` + name + `"` }

// traceOf returns the trace of the traceparent header, or nil.
func traceOf(r *kgo.Record) []byte {
	parent, _ := lastHeader(r, headerTraceParent)
	var slab traceSlab
	return slab.trace(parent)
}
