package kafkacursor

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEntryIsReadAsItWasWritten(t *testing.T) {
	r := newRecord("cursors", 3, "billing/orders/0", []byte("7@id:4"), 12, "me")
	r.Offset, r.Timestamp = 99, time.UnixMilli(1700000000000)
	require.Equal(t, Entry{
		Key: Key{Consumer: "billing", Topic: "orders"}, Cursor: "7@id:4", Epoch: 12, Owner: "me",
		Time: r.Timestamp, Partition: 3, Offset: 99,
	}, decodeEntry(r).export())
	require.False(t, decodeEntry(r).deleted)
	require.True(t, decodeEntry(newRecord("cursors", 0, "a", nil, 1, "me")).deleted)
	require.False(t, decodeEntry(newRecord("cursors", 0, "a", []byte{}, 1, "me")).deleted, "a reset to the start is no tombstone")
}

// Other tools write cursors without headers. They count, behind all that have an
// epoch.
func TestRecordWithoutHeadersIsOfEpochZero(t *testing.T) {
	e := decodeEntry(&kgo.Record{Key: []byte("billing"), Value: []byte("7")}).export()
	require.Zero(t, e.Epoch)
	require.NoError(t, e.Err)
	require.Equal(t, "7", e.Cursor)
}

func TestRecordThatIsNoCursorSaysSo(t *testing.T) {
	for _, epoch := range []string{"", "x", "-1", "1.5", strconv.FormatInt(math.MaxInt64, 10)} {
		e := decodeEntry(&kgo.Record{
			Key: []byte("billing"), Value: []byte("7"), Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte(epoch)}},
		}).export()
		require.ErrorIs(t, e.Err, ErrCorruptEntry, epoch)
		require.Zero(t, e.Epoch)
	}
	e := decodeEntry(&kgo.Record{Key: []byte("a/b"), Value: []byte("7")}).export()
	require.ErrorIs(t, e.Err, ErrCorruptEntry)
	require.Equal(t, "a/b", e.Key.Consumer)
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte("billing/orders/0"), []byte("7"), "epoch", []byte("3"))
	f.Add([]byte{0xff}, []byte(nil), "owner", []byte{0})
	f.Fuzz(func(t *testing.T, key, value []byte, header string, content []byte) {
		e := decodeEntry(&kgo.Record{Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: header, Value: content}}})
		require.GreaterOrEqual(t, e.epoch, int64(0))
		require.LessOrEqual(t, e.epoch, int64(maxEpoch))
		require.Equal(t, string(key), e.text)
		require.Equal(t, string(value), e.cursor)
		out := e.export()
		if out.Err == nil {
			require.Equal(t, string(key), out.Key.String())
		}
	})
}
