package kafkastream

import (
	"strconv"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
)

func recordsAt(offsets ...int64) []*kgo.Record {
	records := make([]*kgo.Record, len(offsets))
	for i, offset := range offsets {
		records[i] = &kgo.Record{Topic: orders, Offset: offset, Value: []byte("v"), LeaderEpoch: 2}
	}
	return records
}

func TestIDsAreTheOffsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offset := rapid.Int64Range(0, 2000).Draw(t, "first")
		if rapid.Bool().Draw(t, "large") {
			offset += 1<<62 - 1000
		}
		offsets := []int64{offset}
		for range rapid.IntRange(0, 300).Draw(t, "more") {
			offset += rapid.SampledFrom([]int64{1, 1, 1, 1, 2, 9, 100}).Draw(t, "step")
			offsets = append(offsets, offset)
		}
		b := newBatchDecoder(nil, newIncarnation([16]byte{1})).events(recordsAt(offsets...))
		require.NoError(t, b.err)
		for i, offset := range offsets {
			require.Equal(t, strconv.FormatInt(offset, 10), b.events[i].ID)
		}
	})
}

func TestADecoderThatFailsEndsTheBatchBeforeTheRecord(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func() error{
		"error": func() error { return broken },
		"panic": func() error { panic(broken.Error()) },
	} {
		t.Run(name, func(t *testing.T) {
			decoder := func(r *kgo.Record, _ *reflex.Event) error {
				if r.Offset == 7 {
					return fail()
				}
				return nil
			}
			b := newBatchDecoder(decoder, newIncarnation([16]byte{1})).events(recordsAt(5, 6, 7, 8))
			require.Len(t, b.events, 2)
			require.Equal(t, "6", b.events[1].ID)
			require.ErrorIs(t, b.err, ErrDecode)
			require.ErrorContains(t, b.err, "broken")
			require.ErrorContains(t, b.err, "offset 7")
			require.True(t, IsPermanent(b.err))
			var e *Error
			require.ErrorAs(t, b.err, &e)
			require.Equal(t, int64(7), e.Offset)
		})
	}
}

func TestADecoderCannotChangeTheID(t *testing.T) {
	decoder := func(_ *kgo.Record, e *reflex.Event) error {
		*e = reflex.Event{ForeignID: "f"}
		return nil
	}
	b := newBatchDecoder(decoder, newIncarnation([16]byte{1})).events(recordsAt(5))
	require.Equal(t, reflex.Event{ID: "5", ForeignID: "f"}, b.events[0])
}

func TestEventsCostNoAllocationEach(t *testing.T) {
	offsets := make([]int64, 1000)
	for i := range offsets {
		offsets[i] = int64(i)
	}
	records := recordsAt(offsets...)
	for i, r := range records {
		r.Key = []byte("key")
		r.Headers = []kgo.RecordHeader{{Key: "t", Value: []byte(strconv.Itoa(i / 500))}}
	}
	d := newBatchDecoder(nil, newIncarnation([16]byte{1}))
	require.Less(t, testing.AllocsPerRun(10, func() { d.events(records) }), 20.0)
}
