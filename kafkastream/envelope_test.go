package kafkastream

import (
	"bytes"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
)

func spanContext(flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
		SpanID:     trace.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
		TraceFlags: flags,
	})
}

const (
	sampledParent   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampledParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

// The format is read by others and by later versions, so it is pinned here.
func TestEncodeWritesTheDocumentedFormat(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	tests := []struct {
		name   string
		event  reflex.Event
		key    []byte
		value  []byte
		header []kgo.RecordHeader
	}{
		{name: "empty"},
		{name: "empty metadata", event: reflex.Event{MetaData: []byte{}}, value: []byte{}},
		{
			name:  "all",
			event: reflex.Event{ID: "not encoded", Type: eventType(3), ForeignID: "o-1", MetaData: []byte("m"), Trace: reflex.EncodeTrace(spanContext(trace.FlagsSampled))},
			key:   []byte("o-1"), value: []byte("m"),
			header: []kgo.RecordHeader{header("t", "3"), header("traceparent", sampledParent)},
		},
		{name: "negative type", event: reflex.Event{Type: eventType(math.MinInt)}, header: []kgo.RecordHeader{header("t", strconv.Itoa(math.MinInt))}},
		{name: "unsampled", event: reflex.Event{Trace: reflex.EncodeTrace(spanContext(0))}, header: []kgo.RecordHeader{header("traceparent", unsampledParent)}},
		{name: "raw trace", event: reflex.Event{Trace: []byte("other")}, header: []kgo.RecordHeader{header("r", "other")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.event.Timestamp = at
			r, err := Encode(&test.event)
			require.NoError(t, err)
			require.Equal(t, test.key, r.Key)
			require.Equal(t, test.value, r.Value)
			require.Equal(t, test.header, r.Headers)
			require.Equal(t, at, r.Timestamp)
		})
	}
}

func TestEncodeRefusesWhatKafkaCannotHold(t *testing.T) {
	for _, event := range []*reflex.Event{
		nil,
		{Timestamp: time.UnixMilli(-1)},
		{Timestamp: time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := Encode(event)
		require.ErrorIs(t, err, ErrInvalidEvent)
	}
	_, err := Encode(&reflex.Event{Timestamp: time.UnixMilli(0)})
	require.NoError(t, err)
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	traces := rapid.OneOf(
		rapid.Just[[]byte](nil),
		rapid.Just(reflex.EncodeTrace(spanContext(0))),
		rapid.Just(reflex.EncodeTrace(spanContext(trace.FlagsSampled))),
		rapid.SliceOfN(rapid.Byte(), 1, 80),
		// Nearly a trace: one byte of a good one is another.
		rapid.Custom(func(t *rapid.T) []byte {
			b := reflex.EncodeTrace(spanContext(trace.FlagsSampled))
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			return b
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		d := newEnvelopeDecoder()
		for range rapid.IntRange(1, 5).Draw(t, "events") { // the decoder remembers the one before
			in := reflex.Event{
				ForeignID: rapid.String().Draw(t, "foreign id"),
				MetaData:  rapid.OneOf(rapid.Just[[]byte](nil), rapid.SliceOf(rapid.Byte())).Draw(t, "metadata"),
				Trace:     traces.Draw(t, "trace"),
				Timestamp: time.UnixMilli(rapid.Int64Range(0, lastTimestamp().UnixMilli()).Draw(t, "timestamp")).UTC(),
			}
			if rapid.Bool().Draw(t, "typed") {
				in.Type = eventType(rapid.Int().Draw(t, "type"))
			}
			r, err := Encode(&in)
			require.NoError(t, err)

			var out, stateless reflex.Event
			require.NoError(t, d.decode(r, &out))
			require.Equal(t, in, out)
			require.NoError(t, Envelope()(r, &stateless))
			require.Equal(t, in, stateless)
		}
	})
}

func TestDecodeHeaders(t *testing.T) {
	sampled := reflex.EncodeTrace(spanContext(trace.FlagsSampled))
	unsampled := reflex.EncodeTrace(spanContext(0))
	tests := []struct {
		name    string
		headers []kgo.RecordHeader
		typ     reflex.EventType
		trace   []byte
	}{
		{name: "others are ignored", headers: []kgo.RecordHeader{header("T", "1"), header("id", "x")}},
		{name: "last type wins", headers: []kgo.RecordHeader{header("t", "bad"), header("t", "7")}, typ: eventType(7)},
		{name: "leading zeros", headers: []kgo.RecordHeader{header("t", "-007")}, typ: eventType(-7)},
		{name: "last parent wins", headers: []kgo.RecordHeader{header("traceparent", unsampledParent), header("traceparent", sampledParent)}, trace: sampled},
		{name: "raw is exact and wins", headers: []kgo.RecordHeader{header("r", "raw"), header("traceparent", sampledParent)}, trace: []byte("raw")},
		{name: "empty raw is none", headers: []kgo.RecordHeader{header("r", ""), header("traceparent", sampledParent)}, trace: sampled},
		{name: "later version", headers: []kgo.RecordHeader{header("traceparent", "cc"+sampledParent[2:]+"-more")}, trace: sampled},
		{name: "other flags", headers: []kgo.RecordHeader{header("traceparent", sampledParent[:53]+"fe")}, trace: unsampled},
		{name: "later version without separator", headers: []kgo.RecordHeader{header("traceparent", "cc"+sampledParent[2:]+"more")}},
		{name: "version 00 is not longer", headers: []kgo.RecordHeader{header("traceparent", sampledParent+"-more")}},
		{name: "version ff", headers: []kgo.RecordHeader{header("traceparent", "ff"+sampledParent[2:])}},
		{name: "upper case", headers: []kgo.RecordHeader{header("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")}},
		{name: "no trace id", headers: []kgo.RecordHeader{header("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")}},
		{name: "no span id", headers: []kgo.RecordHeader{header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")}},
		{name: "cut", headers: []kgo.RecordHeader{header("traceparent", sampledParent[:54])}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e reflex.Event
			require.NoError(t, newEnvelopeDecoder().decode(&kgo.Record{Headers: test.headers}, &e))
			require.Equal(t, test.typ, e.Type)
			require.Equal(t, test.trace, e.Trace)
		})
	}
}

func TestDecodeRefusesATypeThatIsNoNumber(t *testing.T) {
	long := "99999999999999999999999999999999999999999999999999999999999999999999999999999999"
	for _, text := range []string{"", "-", "+1", "1_0", "0x1", " 1", "1 ", "paid", "9223372036854775808", "-9223372036854775809", long} {
		var e reflex.Event
		err := newEnvelopeDecoder().decode(&kgo.Record{Topic: "orders", Partition: 2, Offset: 7, Headers: []kgo.RecordHeader{header("t", text)}}, &e)
		require.ErrorIs(t, err, ErrDecode, text)
		require.ErrorIs(t, err, errNotDecimal)
		var de *DecodeError
		require.True(t, errors.As(err, &de))
		require.Equal(t, int64(7), de.Offset)
		require.Equal(t, int32(2), de.Partition)
		require.Equal(t, text[:min(len(text), maxFound)], de.Found)
		require.Contains(t, err.Error(), "offset 7 of orders/2")
	}
}

func TestParseDecimalAgreesWithStrconv(t *testing.T) {
	for _, n := range []int{0, 1, -1, math.MaxInt, math.MinInt, math.MaxInt32 + 1} {
		got, ok := parseDecimal([]byte(strconv.Itoa(n)))
		require.True(t, ok)
		require.Equal(t, n, got)
	}
}

// An append by a consumer must not reach the trace of the next event.
func TestTracesOfASlabDoNotOverlap(t *testing.T) {
	d := newEnvelopeDecoder()
	r := &kgo.Record{Headers: []kgo.RecordHeader{header("traceparent", sampledParent)}}
	var first, second reflex.Event
	require.NoError(t, d.decode(r, &first))
	_ = append(first.Trace, "xxxxxxxx"...)
	require.NoError(t, d.decode(r, &second))
	_ = append(first.Trace, "xxxxxxxx"...)
	require.Equal(t, reflex.EncodeTrace(spanContext(trace.FlagsSampled)), second.Trace)
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	r, err := Encode(&reflex.Event{Type: eventType(1000), ForeignID: "order-1", MetaData: []byte("metadata"), Trace: reflex.EncodeTrace(spanContext(1)), Timestamp: time.Now()})
	require.NoError(t, err)
	d := newEnvelopeDecoder()
	require.Less(t, testing.AllocsPerRun(1000, func() {
		var e reflex.Event
		if d.decode(r, &e) != nil || e.Type.ReflexType() != 1000 {
			panic("decoded wrongly")
		}
	}), 0.1)
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), []byte("3"), []byte(sampledParent), []byte(nil), int64(0))
	f.Add([]byte(nil), []byte(nil), []byte("-9223372036854775808"), []byte("cc-"+sampledParent), []byte("r"), int64(-1))
	f.Fuzz(func(t *testing.T, key, value, typ, parent, raw []byte, ms int64) {
		r := &kgo.Record{
			Key: key, Value: value, Timestamp: time.UnixMilli(ms),
			Headers: []kgo.RecordHeader{{Key: "t", Value: typ}, {Key: "traceparent", Value: parent}, {Key: "r", Value: raw}},
		}
		var e reflex.Event
		err := newEnvelopeDecoder().decode(r, &e)
		number, parseErr := strconv.ParseInt(string(typ), 10, 0)
		isPlain := parseErr == nil && typ[0] != '+'
		require.Equal(t, isPlain, err == nil, "%q", typ)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
			return
		}
		require.Equal(t, int(number), e.Type.ReflexType())
		require.Equal(t, string(key), e.ForeignID)
		require.True(t, bytes.Equal(value, e.MetaData))
		if len(raw) == 0 && len(e.Trace) > 0 {
			_, ok := reflex.DecodeTrace(e.Trace)
			require.True(t, ok)
		}
		if validEvent(&e) != nil {
			return
		}
		again, err := Encode(&e)
		require.NoError(t, err)
		var e2 reflex.Event
		require.NoError(t, newEnvelopeDecoder().decode(again, &e2))
		require.Equal(t, e.Trace, e2.Trace)
		require.Equal(t, e.Type, e2.Type)
	})
}

func BenchmarkEncode(b *testing.B) {
	e := &reflex.Event{Type: eventType(3), ForeignID: "order-123456", MetaData: make([]byte, 100), Trace: reflex.EncodeTrace(spanContext(1)), Timestamp: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	r, err := Encode(&reflex.Event{Type: eventType(1000), ForeignID: "order-123456", MetaData: make([]byte, 100), Trace: reflex.EncodeTrace(spanContext(1)), Timestamp: time.Now()})
	require.NoError(b, err)
	d := newEnvelopeDecoder()
	var e reflex.Event
	b.ReportAllocs()
	for b.Loop() {
		if err := d.decode(r, &e); err != nil {
			b.Fatal(err)
		}
	}
}
