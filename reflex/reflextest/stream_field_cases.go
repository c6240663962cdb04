package reflextest

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// largeMetaData is well below what brokers take by default, and more than
// what fits in one packet or page.
const largeMetaData = 200 << 10

// fieldCases are about what an event carries from its creator to its consumer.
func fieldCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "keeps the type",
			contract: "The number of an event's type arrives as it was.",
			run: func(e *streamEnv) {
				for _, typ := range []eventType{0, 1, 127, 128, math.MaxInt32} {
					event := numbered(1)[0]
					event.Type = typ
					requireSame(e.tb, event, e.roundTrip(event))
				}
			},
		},
		{
			name:     "keeps the foreign ID",
			contract: "A foreign ID is any text, and arrives as it was.",
			run: func(e *streamEnv) {
				for _, id := range []string{
					"", "7", "-1", " ", "a b\tc\nd", "order/7?x=%20&y", `"quoted"`, "Zoë Ω 訂單 🧾", strings.Repeat("long", 50),
				} {
					event := numbered(1)[0]
					event.ForeignID = id
					requireSame(e.tb, event, e.roundTrip(event))
				}
			},
		},
		{
			name:     "keeps a binary foreign ID",
			contract: "A foreign ID is any bytes, and arrives as it was.",
			needs:    needsOf(needBinaryForeignIDs),
			run: func(e *streamEnv) {
				for _, id := range []string{"\x00", "a\x00b", "\xff\xfe\xfd", string(allBytes())} {
					event := numbered(1)[0]
					event.ForeignID = id
					requireSame(e.tb, event, e.roundTrip(event))
				}
			},
		},
		{
			name:     "keeps metadata",
			contract: "Metadata is any bytes, and arrives as it was.",
			run: func(e *streamEnv) {
				for _, data := range [][]byte{
					{0}, []byte(`{"a": 1}`), allBytes(), bytes.Repeat(allBytes(), largeMetaData/256),
				} {
					event := numbered(1)[0]
					event.MetaData = data
					requireSame(e.tb, event, e.roundTrip(event))
				}
			},
		},
		{
			name:     "keeps empty metadata",
			contract: "Nil and empty metadata are different values.",
			needs:    needsOf(needEmptyMetaData),
			run: func(e *streamEnv) {
				none, empty := numbered(1)[0], numbered(1)[0]
				none.MetaData, empty.MetaData = nil, []byte{}
				require.Nil(e.tb, e.roundTrip(none).MetaData, "metadata that was nil")
				got := e.roundTrip(empty).MetaData
				require.NotNil(e.tb, got, "metadata that was empty")
				require.Empty(e.tb, got)
			},
		},
		{
			name:     "keeps the timestamp",
			contract: "The timestamp is the creator's, as exactly as the source keeps it.",
			needs:    needsOf(needTimestamps),
			run: func(e *streamEnv) {
				now := time.Now()
				for _, at := range []time.Time{
					now, now.Add(-24 * time.Hour), now.Add(time.Minute),
					now.Truncate(time.Second).Add(123_456_789 * time.Nanosecond),
					now.In(time.FixedZone("far east", 12*60*60)),
				} {
					event := numbered(1)[0]
					event.Timestamp = at
					off := e.roundTrip(event).Timestamp.Sub(at).Abs()
					require.Lessf(e.tb, off, e.h.TimestampPrecision, "the timestamp of an event at %s", at)
				}
			},
		},
		{
			name:     "keeps the trace",
			contract: "The trace is carried from the creator to the consumer.",
			needs:    needsOf(needTrace),
			run: func(e *streamEnv) {
				without, with := numbered(1)[0], numbered(1)[0]
				with.Trace = encodedTrace()
				require.Empty(e.tb, e.roundTrip(without).Trace, "trace of an event without one")
				require.Equal(e.tb, with.Trace, e.roundTrip(with).Trace)
			},
		},
		{
			name:     "does not mix fields up",
			contract: "Every event arrives with its own fields, whatever its neighbours have.",
			run: func(e *streamEnv) {
				events := numbered(20)
				for i := range events {
					if i%2 == 0 {
						events[i].ForeignID = ""
					}
					if i%3 == 0 {
						events[i].MetaData = nil
					}
				}
				e.append(events...)
				for i, got := range e.open("").take(len(events)) {
					requireSame(e.tb, events[i], got)
				}
			},
		},
	}
}

// roundTrip appends an event and returns it as a stream delivers it.
func (e *streamEnv) roundTrip(event reflex.Event) *reflex.Event {
	e.tb.Helper()
	id := e.append(event)[0]
	r := e.open("")
	defer r.close()
	for {
		if got := r.take(1)[0]; got.ID == id {
			return got
		}
	}
}

func allBytes() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}

// encodedTrace is a trace in the form that reflex gives it: a trace ID and a
// span ID in hexadecimal, as fields 1 and 2 of a protobuf message. Sources may
// keep traces in a form of their own, so any bytes would not do.
func encodedTrace() []byte {
	return []byte("\x0a\x20" + "4bf92f3577b34da6a3ce929d0e0e4736" + "\x12\x10" + "00f067aa0ba902b7")
}
