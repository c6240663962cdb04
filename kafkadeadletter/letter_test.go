package kafkadeadletter

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
)

// drawBytes draws nil, empty, and binary.
func drawBytes(t *rapid.T, name string) []byte {
	return rapid.SampledFrom([]func() []byte{
		func() []byte { return nil },
		func() []byte { return []byte{} },
		func() []byte { return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name) },
	}).Draw(t, name+" kind")()
}

// drawHeaders draws headers as anybody may write them: of any name, ours included, several of one name, and without value.
func drawHeaders(t *rapid.T) []kgo.RecordHeader {
	n := rapid.IntRange(0, 6).Draw(t, "headers")
	var headers []kgo.RecordHeader
	for range n {
		name := rapid.SampledFrom([]string{"", "t", "traceparent", headerOriginal, headerKey, headerValue, headerVersion, headerError, "\xff\x00"}).Draw(t, "name")
		headers = append(headers, kgo.RecordHeader{Key: name, Value: drawBytes(t, "value of header")})
	}
	return headers
}

func drawKey(t *rapid.T) Key {
	key := Key{
		Consumer: rapid.StringN(1, 10, -1).Draw(t, "consumer"), Topic: rapid.StringN(1, 10, -1).Draw(t, "topic"),
		Partition: rapid.Int32Range(0, math.MaxInt32).Draw(t, "partition"), Offset: rapid.Int64Range(0, math.MaxInt64-1).Draw(t, "offset"),
	}
	if rapid.Bool().Draw(t, "has ID") {
		key.TopicID = someID()
	}
	return key
}

func drawRecord(t *rapid.T, key Key) *kgo.Record {
	return &kgo.Record{
		Key: drawBytes(t, "key"), Value: drawBytes(t, "value"), Headers: drawHeaders(t),
		Timestamp: time.UnixMilli(rapid.Int64Range(-1, 1<<45).Draw(t, "timestamp")),
		Topic:     key.Topic, Partition: key.Partition, Offset: key.Offset,
		LeaderEpoch: rapid.Int32Range(-1, math.MaxInt32).Draw(t, "epoch"),
	}
}

func drawFailure(t *rapid.T) Failure {
	f := Failure{
		Text: rapid.String().Draw(t, "text"), Codes: rapid.SliceOf(rapid.String()).Draw(t, "codes"),
		Type: rapid.String().Draw(t, "type"), Stack: rapid.String().Draw(t, "stack"),
		Keys: rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "keys"),
	}
	if len(f.Codes) == 0 {
		f.Codes = nil
	}
	if len(f.Keys) == 0 {
		f.Keys = nil
	}
	return f
}

// overTheWire is what a broker makes of a record: a new one, of the same bytes, at an offset.
func overTheWire(r *kgo.Record) *kgo.Record {
	clone := *r
	clone.Key, clone.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	clone.Headers = slices.Clone(r.Headers)
	clone.Topic, clone.Offset, clone.Timestamp = "letters", 99, time.UnixMilli(1234)
	return &clone
}

// Whatever a record is, the letter gives it back: no bytes are lost, nil and empty are told apart, and headers
// that are named as ours are the record's own.
func TestRecordComesBackFromItsLetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		want := Letter{Key: key, Record: drawRecord(t, key), Failure: drawFailure(t)}
		encoded := encode(want)
		require.NotNil(t, encoded.Value, "a record without a value says that there is no letter")
		require.Equal(t, key.String(), string(encoded.Key))
		if len(want.Record.Value) > 0 {
			require.Equal(t, want.Record.Value, encoded.Value)
		}

		// Instrumentation may have added a header behind ours.
		wire := overTheWire(encoded)
		if rapid.Bool().Draw(t, "instrumented") {
			wire.Headers = append(wire.Headers, kgo.RecordHeader{Key: "traceparent", Value: []byte("00")})
		}
		want.Offset, want.Time = wire.Offset, wire.Timestamp
		require.Equal(t, want, decode(wire))
	})
}

// A letter of a letter, as when one consumes the topic of letters, is unpacked one layer at a time.
func TestLetterOfALetter(t *testing.T) {
	inner := overTheWire(encode(Letter{
		Key:    Key{Consumer: "a", Topic: "orders", Offset: 7},
		Record: &kgo.Record{Topic: "orders", Offset: 7, Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "t", Value: []byte("1")}}},
	}))
	key := Key{Consumer: "b", Topic: inner.Topic, Offset: inner.Offset}
	outer := decode(overTheWire(encode(Letter{Key: key, Record: inner})))
	require.NoError(t, outer.Err)
	require.Equal(t, inner, outer.Record)
	again := decode(outer.Record)
	require.NoError(t, again.Err)
	require.Equal(t, "v", string(again.Record.Value))
	require.Equal(t, "a", again.Key.Consumer)
}

func TestEventComesBackFromItsLetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := drawKey(t)
		e := &reflex.Event{
			ID: key.EventID(), ForeignID: rapid.String().Draw(t, "foreign ID"),
			Timestamp: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC(),
			MetaData:  drawBytes(t, "metadata"), Trace: drawBytes(t, "trace"),
		}
		if rapid.Bool().Draw(t, "has type") {
			e.Type = eventType(rapid.Int().Draw(t, "type"))
		}
		want := Letter{Key: key, Event: e, Failure: drawFailure(t)}
		wire := overTheWire(encode(want))
		want.Offset, want.Time = wire.Offset, wire.Timestamp
		require.Equal(t, want, decode(wire))
	})
}

func TestLetterWithoutAnEvent(t *testing.T) {
	want := Letter{Key: Key{Consumer: "a", Topic: "orders"}, Failure: Failure{Text: "no"}}
	wire := overTheWire(encode(want))
	want.Offset, want.Time = wire.Offset, wire.Timestamp
	require.Equal(t, want, decode(wire))
}

// A tool that looks for a header by its name finds the letter's, as it is the last of that name.
func TestOurHeadersAreTheLastOfTheirNames(t *testing.T) {
	r := encode(Letter{
		Key:     Key{Consumer: "billing", Topic: "orders", Offset: 7},
		Record:  &kgo.Record{Headers: []kgo.RecordHeader{{Key: headerError, Value: []byte("theirs")}, {Key: "dlq.other", Value: nil}}},
		Failure: Failure{Text: "ours"},
	})
	require.Equal(t, "theirs", string(r.Headers[0].Value))
	i := slices.IndexFunc(r.Headers[1:], func(h kgo.RecordHeader) bool { return h.Key == headerError }) + 1
	require.Equal(t, "ours", string(r.Headers[i].Value))
	last := r.Headers[len(r.Headers)-1]
	require.Equal(t, kgo.RecordHeader{Key: headerOriginal, Value: []byte("2")}, last)
}

func TestFailureHoldsTheWholeError(t *testing.T) {
	sentinel := errors.New("no such card", j.C("ERR_card"))
	err := errors.Wrap(errors.Wrap(sentinel, "charge", j.KV("card", 7)), "bill", j.MKV{"order": "o1", "card": 8})
	f := failureOf(err)
	require.Equal(t, "bill: charge: no such card", f.Text)
	require.Equal(t, []string{"bill", "charge", "ERR_card"}, f.Codes)
	require.Equal(t, map[string]string{"order": "o1", "card": "8"}, f.Keys)
	require.Contains(t, f.Stack, "TestFailureHoldsTheWholeError")

	dial := fmt.Errorf("bill: %w", &net.OpError{Op: "dial", Err: io.EOF})
	require.Equal(t, "*errors.errorString", failureOf(dial).Type)
	require.Equal(t, "context.deadlineExceededError", failureOf(errors.Join(context.DeadlineExceeded, io.EOF)).Type)
	require.Equal(t, "*net.DNSError", failureOf(&net.DNSError{}).Type)
	require.Equal(t, Failure{}, failureOf(nil))
}

func TestRecordThatIsNoLetterSaysWhy(t *testing.T) {
	key := Key{Consumer: "billing", Topic: "orders", Offset: 7, TopicID: someID()}
	good := func() *kgo.Record {
		return overTheWire(encode(Letter{Key: key, Record: &kgo.Record{Value: []byte("v"), LeaderEpoch: 4}, Failure: Failure{Text: "no", Keys: map[string]string{"a": "b"}}}))
	}
	require.NoError(t, decode(good()).Err)
	gone := func() *kgo.Record {
		return overTheWire(encode(Letter{Key: key, Event: &reflex.Event{Type: eventType(1)}}))
	}
	require.NoError(t, decode(gone()).Err)

	set := func(make func() *kgo.Record, name, value string) *kgo.Record {
		r := make()
		i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == name })
		if i < 0 {
			r.Headers = slices.Insert(r.Headers, 1, kgo.RecordHeader{Key: name, Value: []byte(value)})
			return r
		}
		r.Headers[i].Value = []byte(value)
		return r
	}
	drop := func(make func() *kgo.Record, name string) *kgo.Record {
		r := make()
		r.Headers = slices.DeleteFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == name })
		return r
	}
	for name, r := range map[string]*kgo.Record{
		"dlq.headers":             drop(good, headerOriginal),
		"dlq.headers \"99\"":      set(good, headerOriginal, "99"),
		"dlq.headers \"-1\"":      set(good, headerOriginal, "-1"),
		"dlq.v":                   drop(good, headerVersion),
		"dlq.v \"2\"":             set(good, headerVersion, "2"),
		"dlq.consumer":            drop(good, headerConsumer),
		"dlq.topic \"other\"":     set(good, headerTopic, "other"),
		"dlq.topic-id":            drop(good, headerTopicID),
		"dlq.partition \"1\"":     set(good, headerPartition, "1"),
		"dlq.offset \"8\"":        set(good, headerOffset, "8"),
		"dlq.error":               drop(good, headerError),
		"dlq.error-keys \"{\"":    set(good, headerErrorKeys, "{"),
		"dlq.content":             drop(good, headerContent),
		"dlq.content \"x\"":       set(good, headerContent, "x"),
		"dlq.leader-epoch":        drop(good, headerLeaderEpoch),
		"dlq.leader-epoch \"x\"":  set(good, headerLeaderEpoch, "x"),
		"dlq.timestamp":           drop(good, headerTimestamp),
		"dlq.timestamp \"07\"":    set(good, headerTimestamp, "07"),
		"dlq.value \"null\"":      set(good, headerValue, "null"), // beside a value
		"dlq.key":                 drop(gone, headerKey),
		"dlq.event-time":          drop(gone, headerEventTime),
		"dlq.event-time \"noon\"": set(gone, headerEventTime, "noon"),
		"dlq.event-type \"x\"":    set(gone, headerEventType, "x"),
	} {
		letter := decode(r)
		require.ErrorIs(t, letter.Err, ErrCorruptLetter, name)
		require.ErrorContains(t, letter.Err, name)
		require.Equal(t, Letter{Key: key, Offset: 99, Time: r.Timestamp, Err: letter.Err}, letter)
	}
	r := good()
	r.Key = []byte("billing")
	require.ErrorIs(t, decode(r).Err, ErrCorruptLetter)
	require.ErrorIs(t, decode(r).Err, ErrBadKey)
}

// FuzzDecode gives the decoder headers and bytes of anybody's.
func FuzzDecode(f *testing.F) {
	key := Key{Consumer: "billing", Topic: "orders", Offset: 7}
	for _, l := range []Letter{
		{Key: key},
		{Key: key, Record: &kgo.Record{Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "t", Value: []byte("1")}}}, Failure: failureOf(io.EOF)},
		{Key: key, Event: &reflex.Event{ForeignID: "x", Type: eventType(3), Trace: []byte("t")}, Failure: Failure{Keys: map[string]string{"a": "b"}}},
	} {
		r := encode(l)
		f.Add(r.Key, r.Value, joinHeaders(r.Headers))
	}
	f.Add([]byte("x"), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, value, headers []byte) {
		r := &kgo.Record{Key: key, Value: value, Headers: splitHeaders(headers), Offset: 99}
		if r.Value == nil {
			r.Value = []byte{}
		}
		letter := decode(r)
		if letter.Err != nil {
			require.ErrorIs(t, letter.Err, ErrCorruptLetter)
			require.Less(t, len(letter.Err.Error()), 3000+12*len(key))
			return
		}
		// What can be read can be written again, and means the same.
		again := decode(&kgo.Record{Key: key, Value: encode(letter).Value, Headers: encode(letter).Headers, Offset: 99})
		if len(letter.Failure.Keys) == 0 {
			letter.Failure.Keys = again.Failure.Keys
		}
		require.Equal(t, letter, again)
	})
}

// joinHeaders writes headers as a length of the name, the name, a length of the value, the value.
func joinHeaders(headers []kgo.RecordHeader) []byte {
	var out []byte
	for _, h := range headers {
		out = append(append(out, byte(len(h.Key))), h.Key...)
		out = append(append(out, byte(len(h.Value))), h.Value...)
	}
	return out
}

func splitHeaders(b []byte) []kgo.RecordHeader {
	take := func() []byte {
		if len(b) == 0 {
			return nil
		}
		n := min(int(b[0]), len(b)-1)
		part := b[1 : 1+n]
		b = b[1+n:]
		return part
	}
	var headers []kgo.RecordHeader
	for len(b) > 0 {
		name := take()
		headers = append(headers, kgo.RecordHeader{Key: string(name), Value: take()})
	}
	return headers
}
