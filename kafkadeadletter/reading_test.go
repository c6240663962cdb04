package kafkadeadletter

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkatest"
)

// newLook returns a store on a broker of its own with some letters, and a reading of it that has been through them.
func newLook(t *testing.T, offsets ...int64) (*kafkatest.Broker, *Store, *reading) {
	t.Helper()
	broker := kafkatest.Start(t)
	store, err := Open(t.Context(), broker.Opts(), "letters")
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	for _, offset := range offsets {
		put(t, store, offset, "first")
	}
	r, err := store.newReading(Filter{}.wants)
	require.NoError(t, err)
	t.Cleanup(r.close)
	require.NoError(t, r.advance(bounded(t)))
	require.Len(t, r.index, len(offsets))
	return broker, store, r
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func of(offset int64) Key { return Key{Consumer: "billing", Topic: "orders", Offset: offset} }

func put(t *testing.T, s *Store, offset int64, text string) {
	t.Helper()
	letter := Letter{Key: of(offset), Failure: Failure{Text: text}}
	require.NoError(t, s.write(bounded(t), letter.Key, encode(letter)))
}

// After the look at where letters are, one was written again, one was discarded, and compaction removed what was there. The
// first must be found where it is now.
func TestLetterThatMovedIsFound(t *testing.T) {
	broker, store, r := newLook(t, 0, 1, 2)
	put(t, store, 0, "again")
	require.NoError(t, store.Discard(bounded(t), of(1)))
	put(t, store, 9, "another")
	broker.Cluster().Compact()
	r.batch = nil // what was fetched is as it was

	letter, ok, err := r.letter(bounded(t), of(0))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "again", letter.Failure.Text)
	_, ok, err = r.letter(bounded(t), of(1))
	require.NoError(t, err)
	require.False(t, ok)
	letter, ok, err = r.letter(bounded(t), of(2))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "first", letter.Failure.Text)
}

// The start of the topic moved past what was read. What was removed may have been the sign that a letter is gone, so nothing of
// what was known holds any more.
func TestNothingIsBelievedOfATopicThatWasCut(t *testing.T) {
	broker, store, r := newLook(t, 0, 1)
	require.NoError(t, store.Discard(bounded(t), of(0)))
	end := broker.Cluster().PartitionInfo("letters", 0).HighWatermark
	require.NoError(t, broker.Cluster().DeleteRecords("letters", 0, end))
	put(t, store, 2, "after")
	require.NoError(t, r.advance(bounded(t)))
	require.Equal(t, map[Key]int64{of(2): end}, r.index)
}

// A topic that is cut while it is read is read again from where it starts now.
func TestTopicThatIsCutWhileItIsRead(t *testing.T) {
	broker, _, r := newLook(t, 0, 1, 2)
	r.forget(0)
	require.NoError(t, broker.Cluster().DeleteRecords("letters", 0, 2))
	err := r.readTo(bounded(t), 3) // as of before
	require.True(t, isMoved(err), err)
	require.NoError(t, r.advance(bounded(t)))
	require.Equal(t, map[Key]int64{of(2): 2}, r.index)
}

func TestLimitChoosesTheFirstInOrder(t *testing.T) {
	_, _, r := newLook(t, 5, 1, 3)
	require.Equal(t, []Key{of(1), of(3)}, r.sorted(2))
	require.Equal(t, []Key{of(1), of(3), of(5)}, r.sorted(0))
}
