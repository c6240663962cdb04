package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/reflex"
)

func TestEventsAreReadFromJSONLines(t *testing.T) {
	events, err := readEvents(t.Context(), "test", strings.NewReader(`
{"type":1,"foreign_id":"a","metadata":{"x": "é<"}}

{"type":0,"foreign_id":""}
{"type":-3,"foreign_id":"c","metadata":null}
{"type":4,"foreign_id":"d","metadata_base64":"AP8="}
{"type":5,"foreign_id_base64":"/w==","metadata":"text","id":"7","topic":"t","partition":2,"timestamp":"2026-01-02T03:04:05Z"}`))
	require.NoError(t, err)
	require.Equal(t, []reflex.Event{
		{Type: kind(1), ForeignID: "a", MetaData: []byte(`{"x": "é<"}`)},
		{Type: kind(0)},
		{Type: kind(-3), ForeignID: "c", MetaData: []byte("null")},
		{Type: kind(4), ForeignID: "d", MetaData: []byte{0, 0xff}},
		{Type: kind(5), ForeignID: "\xff", MetaData: []byte(`"text"`)},
	}, events)
}

func TestBadLineIsNamedWithWhatWasFoundAndExpected(t *testing.T) {
	good := `{"type":1,"foreign_id":"a"}`
	for _, c := range []struct{ line, why string }{
		{`{"type":1,"foreign_id":"a"`, "unexpected EOF"},
		{`type=1`, "invalid character"},
		{`[]`, "cannot unmarshal array"},
		{`{"type":"1","foreign_id":"a"}`, "cannot unmarshal string"},
		{`{"type":1.5,"foreign_id":"a"}`, "cannot unmarshal number"},
		{`{"type":1,"foreign_id":7}`, "cannot unmarshal number"},
		{`{"foreign_id":"a"}`, "type is missing"},
		{`{"type":null,"foreign_id":"a"}`, "type is missing"},
		{`{"type":1}`, "foreign_id is missing"},
		{`{"type":1,"foreignid":"a"}`, `unknown field "foreignid"`},
		{`{"type":1,"foreign_id":"a","metadata":1,"metadata_base64":"AA=="}`, "exclude each other"},
		{`{"type":1,"foreign_id":"a","metadata_base64":"?"}`, "illegal base64"},
		{good + good, "more than one value"},
	} {
		_, err := readEvents(t.Context(), "orders.ndjson", strings.NewReader(good+"\n\n"+c.line+"\n"+good))
		var bad *lineError
		require.ErrorAs(t, err, &bad, c.line)
		require.Equal(t, 3, bad.Line)
		require.ErrorIs(t, err, errBadLine)
		require.ErrorContains(t, err, "orders.ndjson, line 3 is not an event: ")
		require.ErrorContains(t, err, c.why)
		require.ErrorContains(t, err, "found:    "+c.line)
		require.ErrorContains(t, err, `expected: {"type":1,"foreign_id":`)
		require.Equal(t, exitUsage, exitCodeOf(err))
	}
}

func TestLongLinesAreShownShortened(t *testing.T) {
	_, err := readEvents(t.Context(), "test", strings.NewReader(strings.Repeat("é", maxShown)))
	var bad *lineError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, strings.Repeat("é", maxShown/2)+"…", bad.Found)

	_, err = readEvents(t.Context(), "test", strings.NewReader("\n"+strings.Repeat("x", maxLine+1)))
	require.ErrorAs(t, err, &bad)
	require.Equal(t, 2, bad.Line)
}

func TestInputWithoutEventsIsAnError(t *testing.T) {
	_, err := readEvents(t.Context(), "test", strings.NewReader("\n \n"))
	require.ErrorIs(t, err, errNoEvents)
	require.Equal(t, exitUsage, exitCodeOf(err))
}

// Somebody starts the demo on standard input, types nothing, and interrupts it.
func TestReadingEventsEndsWithItsContext(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := readEvents(ctx, "test", r)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSampleIsReadable(t *testing.T) {
	events, err := readEvents(t.Context(), "sample", bytes.NewReader(sampleOrders))
	require.NoError(t, err)
	require.NotEmpty(t, events)
}

func TestGeneratedEventsFollowTheOrderOfEachThing(t *testing.T) {
	const n = 10_000
	events := generatedEvents(n)
	state := make(map[string]int)
	for i := range n {
		e := events.at(i)
		require.Equal(t, state[e.ForeignID]+1, e.Type.ReflexType(), "event %d of %s", i, e.ForeignID)
		state[e.ForeignID]++
		require.True(t, json.Valid(e.MetaData))
	}
}

// What consume prints, demo reads.
func TestPrintedEventsAreReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &reflex.Event{
			ID:        "7",
			Type:      kind(rapid.Int32().Draw(t, "type")),
			ForeignID: string(rapid.SliceOf(rapid.Byte()).Draw(t, "foreign id")),
			MetaData:  rapid.SliceOf(rapid.Byte()).Draw(t, "metadata"),
			Timestamp: time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "time"), 0),
		}
		line, err := jsonOf(e, "orders", 3)
		require.NoError(t, err)
		require.NotContains(t, string(line), "\n")

		events, err := parseEvents("test", bytes.NewReader(line))
		require.NoError(t, err)
		require.Len(t, events, 1)
		if !json.Valid(e.MetaData) { // JSON is kept as JSON, not byte for byte
			require.Equal(t, tally.Sum(e), tally.Sum(&events[0]))
		}
	})
}

func FuzzReadEvents(f *testing.F) {
	f.Add([]byte(`{"type":1,"foreign_id":"a","metadata":{"x":1}}`))
	f.Add([]byte("{\"type\":1,\"foreign_id_base64\":\"AA==\"}\n\n{"))
	f.Fuzz(func(t *testing.T, input []byte) {
		events, err := parseEvents("fuzz", bytes.NewReader(input))
		if err != nil {
			require.Equal(t, exitUsage, exitCodeOf(err))
			require.Nil(t, events)
			return
		}
		for i := range events {
			line, err := jsonOf(&events[i], "orders", 0)
			require.NoError(t, err)
			_, err = parseEvents("again", bytes.NewReader(line))
			require.NoError(t, err)
		}
	})
}
