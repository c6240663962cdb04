package kafkastream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

var outboxTypes = map[string]reflex.EventType{"OrderCreated": paid, "OrderShipped": shipped}

func TestDebeziumOutbox(t *testing.T) {
	const (
		schemaString = `{"type":"string","optional":false}`
		schemaBytes  = `{"type":"bytes","optional":false}`
	)
	created := header("eventType", "OrderCreated")
	tests := []struct {
		name    string
		key     string
		value   string
		headers []kgo.RecordHeader
		id      string
		typ     reflex.EventType
		data    string
	}{
		{name: "text converters", key: "1", value: `{"id": 1}`, headers: []kgo.RecordHeader{header("id", "4d47e190"), created}, id: "1", typ: paid, data: `{"id": 1}`},
		{name: "the other alias", key: "1", value: `x`, headers: []kgo.RecordHeader{header("type", "OrderShipped")}, id: "1", typ: shipped, data: `x`},
		{name: "eventType before type", key: "1", value: `x`, headers: []kgo.RecordHeader{created, header("type", "OrderShipped")}, id: "1", typ: paid, data: `x`},
		{name: "quoted", key: `"1"`, value: `"{\"id\": 1}"`, headers: []kgo.RecordHeader{header("eventType", `"OrderCreated"`)}, id: "1", typ: paid, data: `{"id": 1}`},
		{name: "a string that is no JSON", key: "1", value: `"text"`, headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: `"text"`},
		{name: "with schema", key: `{"schema":` + schemaString + `,"payload":"1"}`, value: `{"schema":` + schemaString + `,"payload":"{\"id\": 1}"}`, headers: []kgo.RecordHeader{header("eventType", `{"schema":`+schemaString+`,"payload":"OrderCreated"}`)}, id: "1", typ: paid, data: `{"id": 1}`},
		{name: "numeric key with schema", key: `{"schema":{"type":"int64"},"payload":12}`, value: `x`, headers: []kgo.RecordHeader{created}, id: "12", typ: paid, data: `x`},
		{name: "struct with schema", key: "1", value: `{"schema":{"type":"struct","fields":[]},"payload":{"id":1}}`, headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: `{"id":1}`},
		{name: "bytes with schema", key: "1", value: `{"schema":` + schemaBytes + `,"payload":"aGk="}`, headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: `hi`},
		{name: "somebody's own schema", key: "1", value: `{"schema":"v1","payload":1}`, headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: `{"schema":"v1","payload":1}`},
		{name: "somebody's own document", key: "1", value: `{"schema":{"type":"x"},"payload":1,"other":2}`, headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: `{"schema":{"type":"x"},"payload":1,"other":2}`},
		{name: "envelope", key: "1", value: `{"payload":{"id":1},"eventType":"OrderCreated"}`, id: "1", typ: paid, data: `{"id":1}`},
		{name: "envelope with text", key: "1", value: `{"payload":"{\"id\":1}","type":"OrderShipped","other":2}`, id: "1", typ: shipped, data: `{"id":1}`},
		{name: "envelope with schema", key: "1", value: `{"schema":{"type":"struct","fields":[]},"payload":{"payload":"{\"id\":1}","eventType":"OrderCreated"}}`, id: "1", typ: paid, data: `{"id":1}`},
		{name: "binary payload", key: "1", value: "\x00\x00{\"\xff", headers: []kgo.RecordHeader{created}, id: "1", typ: paid, data: "\x00\x00{\"\xff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at := time.UnixMilli(1556890294484)
			var e reflex.Event
			r := &kgo.Record{Key: []byte(test.key), Value: []byte(test.value), Timestamp: at, Headers: append(test.headers, header("traceparent", sampledParent))}
			require.NoError(t, DebeziumOutbox(outboxTypes)(r, &e))
			require.Equal(t, reflex.Event{
				ForeignID: test.id, Type: test.typ, MetaData: []byte(test.data), Timestamp: at.UTC(),
				Trace: reflex.EncodeTrace(spanContext(trace.FlagsSampled)),
			}, e)
		})
	}
}

func TestDebeziumOutboxWithoutPayload(t *testing.T) {
	for _, r := range []*kgo.Record{
		{Headers: []kgo.RecordHeader{header("eventType", "OrderCreated")}},
		{Value: []byte(`{"schema":{"type":"string"},"payload":null}`), Headers: []kgo.RecordHeader{header("eventType", "OrderCreated")}},
		{Value: []byte(`{"payload":null,"eventType":"OrderCreated"}`)},
	} {
		var e reflex.Event
		require.NoError(t, DebeziumOutbox(outboxTypes)(r, &e))
		require.Nil(t, e.MetaData)
		require.Equal(t, paid, e.Type)
		require.Empty(t, e.ForeignID)
	}
}

func TestDebeziumOutboxTypes(t *testing.T) {
	var e reflex.Event
	plain := &kgo.Record{Value: []byte(`{"id":1}`)}
	require.ErrorIs(t, DebeziumOutbox(outboxTypes)(plain, &e), ErrUnknownType)
	require.NoError(t, DebeziumOutbox(map[string]reflex.EventType{"": shipped})(plain, &e))
	require.Equal(t, shipped, e.Type)

	err := DebeziumOutbox(outboxTypes)(&kgo.Record{Value: []byte(`{"payload":1,"type":"OrderLost"}`)}, &e)
	require.ErrorIs(t, err, ErrUnknownType)
	require.ErrorContains(t, err, "OrderLost")
	err = DebeziumOutbox(outboxTypes)(&kgo.Record{Value: []byte(`{"payload":1,"type":2}`)}, &e)
	require.ErrorIs(t, err, ErrDecode)
	err = DebeziumOutbox(outboxTypes)(&kgo.Record{Value: []byte(`{"schema":{"type":"bytes"},"payload":"*"}`)}, &e)
	require.ErrorIs(t, err, ErrDecode)
}

func FuzzDebeziumOutbox(f *testing.F) {
	f.Add([]byte(`"1"`), []byte(`{"schema":{"type":"string"},"payload":"{}"}`), []byte("OrderCreated"), true)
	f.Add([]byte("1"), []byte(`{"payload":"[]","type":"OrderCreated"}`), []byte(nil), false)
	f.Add([]byte(`{"schema":{"type":"bytes"},"payload":"aGk="}`), []byte(`"{}"`), []byte(`"OrderCreated"`), true)
	f.Fuzz(func(t *testing.T, key, value, typ []byte, placed bool) {
		r := &kgo.Record{Key: key, Value: value}
		if placed {
			r.Headers = []kgo.RecordHeader{{Key: "eventType", Value: typ}}
		}
		var e reflex.Event
		if err := DebeziumOutbox(outboxTypes)(r, &e); err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		require.NotNil(t, e.Type)
	})
}
