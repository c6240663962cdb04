package kafkastream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

const (
	paid eventType = iota + 1
	shipped
)

func TestPlain(t *testing.T) {
	at := time.UnixMilli(1700000000123)
	r := &kgo.Record{
		Key: []byte("o-1"), Value: []byte("v"), Timestamp: at,
		Headers: []kgo.RecordHeader{header("t", "3"), header("traceparent", unsampledParent)},
	}
	var e reflex.Event
	require.NoError(t, Plain()(r, &e))
	require.Equal(t, reflex.Event{ForeignID: "o-1", MetaData: []byte("v"), Timestamp: at.UTC(), Trace: reflex.EncodeTrace(spanContext(0))}, e)

	e = reflex.Event{}
	require.NoError(t, Plain()(&kgo.Record{Timestamp: at}, &e))
	require.Equal(t, reflex.Event{Timestamp: at.UTC()}, e)
}

func TestTypeFromHeader(t *testing.T) {
	byName := map[string]reflex.EventType{"paid": paid, "shipped": shipped, "void": nil}
	withDefault := map[string]reflex.EventType{"": shipped}
	tests := []struct {
		name    string
		types   map[string]reflex.EventType
		headers []kgo.RecordHeader
		typ     reflex.EventType
		err     error
	}{
		{name: "number", headers: []kgo.RecordHeader{header("kind", "12")}, typ: eventType(12)},
		{name: "not a number", headers: []kgo.RecordHeader{header("kind", "paid")}, err: errNotDecimal},
		{name: "no number", err: errMissing},
		{name: "by name", types: byName, headers: []kgo.RecordHeader{header("kind", "paid")}, typ: paid},
		{name: "last wins", types: byName, headers: []kgo.RecordHeader{header("kind", "x"), header("kind", "paid")}, typ: paid},
		{name: "header names are exact", types: byName, headers: []kgo.RecordHeader{header("Kind", "paid")}, err: ErrUnknownType},
		{name: "unknown", types: byName, headers: []kgo.RecordHeader{header("kind", "Paid")}, err: ErrUnknownType},
		{name: "nil type", types: byName, headers: []kgo.RecordHeader{header("kind", "void")}, err: ErrUnknownType},
		{name: "missing", types: byName, err: ErrUnknownType},
		{name: "missing with default", types: withDefault, typ: shipped},
		{name: "empty map knows none", types: map[string]reflex.EventType{}, headers: []kgo.RecordHeader{header("kind", "1")}, err: ErrUnknownType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e reflex.Event
			err := TypeFromHeader("kind", test.types)(&kgo.Record{Key: []byte("k"), Headers: test.headers}, &e)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.ErrorIs(t, err, ErrDecode)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.typ, e.Type)
			require.Equal(t, "k", e.ForeignID)
		})
	}
}

// Streams read the types while the user's code may go on building the map.
func TestTypesAreCopied(t *testing.T) {
	types := map[string]reflex.EventType{"paid": paid}
	decode := TypeFromHeader("kind", types)
	delete(types, "paid")
	var e reflex.Event
	require.NoError(t, decode(&kgo.Record{Headers: []kgo.RecordHeader{header("kind", "paid")}}, &e))
	require.Equal(t, paid, e.Type)
}

func FuzzTypeFromHeader(f *testing.F) {
	f.Add("kind", []byte("3"), []byte("k"))
	f.Add("traceparent", []byte(sampledParent), []byte(nil))
	f.Fuzz(func(t *testing.T, name string, value, key []byte) {
		r := &kgo.Record{Key: key, Headers: []kgo.RecordHeader{{Key: name, Value: value}}}
		for _, types := range []map[string]reflex.EventType{nil, {"paid": paid}} {
			var e reflex.Event
			if err := TypeFromHeader("kind", types)(r, &e); err != nil {
				require.ErrorIs(t, err, ErrDecode)
			} else {
				require.NotNil(t, e.Type)
			}
			require.Equal(t, string(key), e.ForeignID)
		}
	})
}
