package kafkastream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// position opens a stream, and returns where it says that it begins.
func (s *source) position(after string, opts ...reflex.StreamOption) (string, bool) {
	s.Helper()
	return s.open(after, opts...).(reflex.Positioner).Position()
}

func TestStreamKnowsWhereItBegan(t *testing.T) {
	s := newSource(t)
	s.write(0, 3)
	client := s.open("0", reflex.WithStreamFromHead())
	s.write(3, 2) // after the stream was opened
	position, ok := client.(reflex.Positioner).Position()
	require.True(t, ok)
	require.Equal(t, "2", position)
	require.Equal(t, []string{"3", "4"}, s.take(client, 2))
	for _, cursor := range []string{position, s.Stamp()(position)} {
		require.Equal(t, []string{"3", "4"}, s.toHead(cursor))
	}

	position, ok = s.position("1")
	require.True(t, ok)
	require.Equal(t, "1", position)
	_, ok = s.position("")
	require.False(t, ok, "the start may move")
}

// A consumer begins at the head of an empty topic, and fails with the first event. Without a cursor for
// that place it would begin behind the event the next time.
func TestHeadOfAnEmptyLogIsAPosition(t *testing.T) {
	s := newSource(t)
	position, ok := s.position("", reflex.WithStreamFromHead())
	require.True(t, ok)
	require.Equal(t, "-1", position)
	stamped := s.Stamp()(position)
	require.Regexp(t, `^-1@.{22}$`, stamped)
	require.Empty(t, s.toHead(stamped))
	s.write(0, 3)
	for _, cursor := range []string{position, stamped} {
		require.Equal(t, []string{"0", "1", "2"}, s.toHead(cursor))
	}

	// It is a place, and not wherever the log begins.
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 2))
	e := requireError(t, s.failure(s.Partition, stamped), ErrExpired)
	require.Equal(t, []int64{0, 2}, []int64{e.Offset, e.Start})
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 3))
	position, ok = s.position("", reflex.WithStreamFromHead())
	require.True(t, ok)
	require.Equal(t, "2", position, "a log that is empty by now")
	s.write(3, 1)
	require.Equal(t, []string{"3"}, s.toHead(position))
}

// Another stream has read the beginning of the log, and knows of no later epoch. Stamped with the epoch of what it
// has read, the head looked like one of a log that was truncated since: that epoch ended long before.
func TestHeadIsStampedWithTheEpochItWasSeenUnder(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(2))
	s.write(0, 2)
	s.toHead("")
	for i := range 3 {
		require.NoError(t, s.broker.Cluster().MoveTopicPartition(orders, 0, int32((i+1)%2)))
		s.write(2+i, 1)
	}
	position, ok := s.position("", reflex.WithStreamFromHead())
	require.True(t, ok)
	cursor, err := ParseCursor(s.Stamp()(position))
	require.NoError(t, err)
	require.Equal(t, int64(4), cursor.Offset)
	require.Empty(t, s.toHead(cursor.String()))
	require.NoError(t, s.broker.Cluster().MoveTopicPartition(orders, 0, 1))
	s.write(5, 1)
	require.Equal(t, []string{"5"}, s.toHead(cursor.String()))
}

func TestHeadsThatAreRememberedAreBounded(t *testing.T) {
	inc := newIncarnation([16]byte{1})
	inc.note(0, 1)
	for i := range 3 * maxHeads {
		inc.noteHead(int64(10+i), 5)
		inc.noteHead(int64(10+i), 6) // opened again
	}
	inc.noteHead(-1, 7)
	require.Len(t, *inc.heads.Load(), maxHeads)
	for offset, epoch := range map[int64]int32{-1: unknownEpoch, 5: 1, 10: 1, 9 + 3*maxHeads: 6, 9 + 2*maxHeads + 1: 6} {
		cursor, err := ParseCursor(inc.cursorText(Cursor{Offset: offset, LeaderEpoch: unknownEpoch}.String()))
		require.NoError(t, err)
		require.Equal(t, epoch, cursor.LeaderEpoch, "offset %d", offset)
	}
}
