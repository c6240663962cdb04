package kafkastream

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However many streams read a log, in whatever pieces and order, the stamp of
// every event that any of them has read names the epoch it was written under.
func TestStampsNameTheEpochOfTheEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epochOf := make([]int32, 60)
		epoch := int32(0)
		for i := range epochOf {
			if rapid.IntRange(0, 4).Draw(t, "election") == 0 {
				epoch += rapid.Int32Range(1, 3).Draw(t, "epochs")
			}
			epochOf[i] = epoch
		}
		inc := newIncarnation([16]byte{1})
		type reader struct {
			next int
			last int32
		}
		readers := make([]reader, rapid.IntRange(1, 4).Draw(t, "streams"))
		for i := range readers {
			readers[i] = reader{next: rapid.IntRange(0, len(epochOf)-1).Draw(t, "start"), last: unknownEpoch}
		}
		read := map[int]bool{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			r := &readers[rapid.IntRange(0, len(readers)-1).Draw(t, "stream")]
			if r.next >= len(epochOf) {
				continue
			}
			if epochOf[r.next] != r.last {
				r.last = epochOf[r.next]
				inc.note(int64(r.next), r.last)
			}
			read[r.next] = true
			r.next += rapid.IntRange(1, 3).Draw(t, "gap")
		}
		for offset := range read {
			cursor, err := ParseCursor(inc.stamp(strconv.Itoa(offset)))
			require.NoError(t, err)
			require.Equal(t, Cursor{Offset: int64(offset), TopicID: inc.topicID, LeaderEpoch: epochOf[offset]}, cursor)
		}
	})
}

func TestBoundariesAreBounded(t *testing.T) {
	inc := newIncarnation([16]byte{1})
	for i := range int32(2 * maxBoundaries) {
		inc.note(int64(i)*10, i)
	}
	require.Len(t, *inc.epochs.Load(), maxBoundaries)
	cursor, err := ParseCursor(inc.stamp(strconv.Itoa(20*maxBoundaries - 5)))
	require.NoError(t, err)
	require.Equal(t, int32(2*maxBoundaries-1), cursor.LeaderEpoch)
	cursor, err = ParseCursor(inc.stamp("5"))
	require.NoError(t, err)
	require.Equal(t, int32(unknownEpoch), cursor.LeaderEpoch)
}

func TestStampLeavesAloneWhatIsNoEventsID(t *testing.T) {
	inc := newIncarnation([16]byte{1})
	for _, id := range []string{"", "x", "-2", inc.stamp("5")} {
		require.Equal(t, id, inc.stamp(id))
	}
	require.Equal(t, "5", newIncarnation([16]byte{}).stamp("5"), "a cluster without topic IDs")
	require.Equal(t, "5", NewPartition(nil, orders, 0).Stamp()("5"), "nothing was read yet")
}

func TestStampCostsNoAllocation(t *testing.T) {
	p := NewPartition(nil, orders, 0)
	p.incarnation.Store(newIncarnation([16]byte{1}))
	var stamp func(string) string
	require.Zero(t, testing.AllocsPerRun(100, func() { stamp = p.Stamp() }))
	require.NotNil(t, stamp)
}
