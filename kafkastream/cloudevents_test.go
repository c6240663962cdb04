package kafkastream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

var cloudTypes = map[string]reflex.EventType{"order.paid": paid, "order.shipped": shipped}

// binaryRecord is a valid one; headers come after its own, and so win.
func binaryRecord(headers ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Offset: 7, Key: []byte("key"), Value: []byte("data"), Timestamp: time.UnixMilli(1000),
		Headers: append([]kgo.RecordHeader{
			header("ce_specversion", "1.0"), header("ce_id", "1"), header("ce_source", "/s"), header("ce_type", "order.paid"),
		}, headers...),
	}
}

func structuredRecord(value string) *kgo.Record {
	return &kgo.Record{
		Topic: "orders", Offset: 7, Key: []byte("key"), Value: []byte(value), Timestamp: time.UnixMilli(1000),
		Headers: []kgo.RecordHeader{header("content-type", "application/cloudevents+json; charset=UTF-8")},
	}
}

const required = `"specversion":"1.0","id":"1","source":"/s","type":"order.paid"`

func TestCloudEvents(t *testing.T) {
	recordTime := time.UnixMilli(1000).UTC()
	sampled := reflex.EncodeTrace(spanContext(trace.FlagsSampled))
	noData := binaryRecord()
	noData.Value = nil
	noKey := binaryRecord(header("ce_subject", "o-1"))
	noKey.Key = nil
	otherCase := structuredRecord(`{` + required + `,"data":1}`)
	otherCase.Headers = []kgo.RecordHeader{header("Content-Type", "Application/CloudEvents+JSON")}
	tests := []struct {
		name   string
		record *kgo.Record
		want   reflex.Event
	}{
		{"binary", binaryRecord(), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte("data"), Timestamp: recordTime}},
		{"binary without data", noData, reflex.Event{Type: paid, ForeignID: "key", Timestamp: recordTime}},
		{"binary with content type", binaryRecord(header("content-type", "application/json")), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte("data"), Timestamp: recordTime}},
		{"subject without key", noKey, reflex.Event{Type: paid, ForeignID: "o-1", MetaData: []byte("data"), Timestamp: recordTime}},
		{
			"binary with all",
			binaryRecord(header("ce_subject", "o-1"), header("ce_time", "2026-01-02T03:04:05.678901+02:00"), header("ce_traceparent", sampledParent), header("ce_type", "order.shipped"), header("ce_other", "x")),
			reflex.Event{Type: shipped, ForeignID: "o-1", MetaData: []byte("data"), Timestamp: time.Date(2026, 1, 2, 1, 4, 5, 678901000, time.UTC), Trace: sampled},
		},
		{"trace of the header", binaryRecord(header("traceparent", sampledParent)), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte("data"), Timestamp: recordTime, Trace: sampled}},
		{"bad trace is ignored", binaryRecord(header("ce_traceparent", "x")), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte("data"), Timestamp: recordTime}},
		{"structured", structuredRecord(`{` + required + `}`), reflex.Event{Type: paid, ForeignID: "key", Timestamp: recordTime}},
		{"media type in other case", otherCase, reflex.Event{Type: paid, ForeignID: "key", Timestamp: recordTime, MetaData: []byte("1")}},
		{
			"structured with all",
			structuredRecord(`{` + required + `,"subject":"o-1","time":"2026-01-02T03:04:05Z","traceparent":"` + sampledParent + `","ext":{"a":1},"data":{"a": [1]}}`),
			reflex.Event{Type: paid, ForeignID: "o-1", MetaData: []byte(`{"a": [1]}`), Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Trace: sampled},
		},
		{"data in base64", structuredRecord(`{` + required + `,"data_base64":"AAH/"}`), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte{0, 1, 255}, Timestamp: recordTime}},
		{"empty data in base64", structuredRecord(`{` + required + `,"data":null,"data_base64":""}`), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte{}, Timestamp: recordTime}},
		{"null is absent", structuredRecord(`{` + required + `,"subject":null,"data":null}`), reflex.Event{Type: paid, ForeignID: "key", Timestamp: recordTime}},
		{"string as JSON", structuredRecord(`{` + required + `,"data":"a\n"}`), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte(`"a\n"`), Timestamp: recordTime}},
		{"string as text", structuredRecord(`{` + required + `,"datacontenttype":"text/plain; charset=utf-8","data":"a\n"}`), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte("a\n"), Timestamp: recordTime}},
		{"string of a JSON type", structuredRecord(`{` + required + `,"datacontenttype":"application/vnd.x+json","data":"a"}`), reflex.Event{Type: paid, ForeignID: "key", MetaData: []byte(`"a"`), Timestamp: recordTime}},
		{"names are case-sensitive", structuredRecord(`{` + required + `,"Type":"order.shipped","DATA":1}`), reflex.Event{Type: paid, ForeignID: "key", Timestamp: recordTime}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e reflex.Event
			require.NoError(t, CloudEvents(cloudTypes)(test.record, &e))
			require.Equal(t, test.want, e)
		})
	}
}

func TestCloudEventsRefusesWhatTheStandardForbids(t *testing.T) {
	avro := structuredRecord(`{` + required + `}`)
	avro.Headers[0] = header("content-type", "application/cloudevents+avro")
	batch := structuredRecord(`[]`)
	batch.Headers[0] = header("content-type", "application/cloudevents-batch+json")
	tests := []struct {
		name   string
		record *kgo.Record
		cause  error
		part   string
	}{
		{"no CloudEvent", &kgo.Record{Value: []byte("x")}, errMissing, `header "ce_specversion"`},
		{"no id", binaryRecord(header("ce_id", "")), errMissing, `header "ce_id"`},
		{"no source", structuredRecord(`{"specversion":"1.0","id":"1","type":"order.paid"}`), errMissing, `member "source"`},
		{"version", binaryRecord(header("ce_specversion", "0.3")), errSpecVersion, `header "ce_specversion"`},
		{"type", binaryRecord(header("ce_type", "order.lost")), ErrUnknownType, `header "ce_type"`},
		{"time", binaryRecord(header("ce_time", "yesterday")), errNotTimestamp, `header "ce_time"`},
		{"not JSON", structuredRecord(`{`), errNotJSON, "value"},
		{"null", structuredRecord(`null`), errNotJSON, "value"},
		{"array", structuredRecord(`[]`), errNotJSON, "value"},
		{"attribute", structuredRecord(`{` + required + `,"subject":1}`), errNotJSON, `member "subject"`},
		{"content type", structuredRecord(`{` + required + `,"datacontenttype":1,"data":1}`), errNotJSON, `member "datacontenttype"`},
		{"two data", structuredRecord(`{` + required + `,"data":1,"data_base64":""}`), errTwoData, `member "data"`},
		{"base64", structuredRecord(`{` + required + `,"data_base64":"*"}`), ErrDecode, `member "data_base64"`},
		{"base64 type", structuredRecord(`{` + required + `,"data_base64":1}`), errNotJSON, `member "data_base64"`},
		{"avro", avro, errEventFormat, `header "content-type"`},
		{"batch", batch, errEventFormat, `header "content-type"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e reflex.Event
			err := CloudEvents(cloudTypes)(test.record, &e)
			require.ErrorIs(t, err, ErrDecode)
			require.ErrorIs(t, err, test.cause)
			var de *DecodeError
			require.ErrorAs(t, err, &de)
			require.Equal(t, test.part, de.Part)
		})
	}
}

func FuzzCloudEvents(f *testing.F) {
	f.Add("content-type", []byte("application/cloudevents+json"), []byte(`{`+required+`,"data":"x","datacontenttype":"text/plain"}`))
	f.Add("content-type", []byte("application/cloudevents+json"), []byte(`{`+required+`,"data_base64":"AA==","time":"2026-01-02T03:04:05Z"}`))
	f.Add("ce_time", []byte("2026-01-02T03:04:05Z"), []byte("data"))
	f.Fuzz(func(t *testing.T, name string, text, value []byte) {
		r := binaryRecord(kgo.RecordHeader{Key: name, Value: text})
		r.Value = value
		var e reflex.Event
		if err := CloudEvents(cloudTypes)(r, &e); err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		require.NotNil(t, e.Type)
		require.NotEmpty(t, e.ForeignID)
	})
}
