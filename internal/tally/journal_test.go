package tally_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/internal/tally"
)

func TestJournalHoldsWhatWasAppendedOverManyOpenings(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, rapid.StringMatching(`[a-z]{12}`).Draw(t, "name"))
		_ = os.Remove(path)
		var want []tally.Consumed
		for range rapid.IntRange(1, 3).Draw(t, "openings") {
			journal, err := tally.OpenJournal(path)
			require.NoError(t, err)
			for range rapid.IntRange(0, 4).Draw(t, "entries") {
				entry := tally.Consumed{
					Offset: rapid.Int64().Draw(t, "offset"),
					Sum:    rapid.Uint64().Draw(t, "sum"),
					At:     time.Unix(0, rapid.Int64().Draw(t, "at")),
				}
				require.NoError(t, journal.Append(entry))
				want = append(want, entry)
			}
			require.NoError(t, journal.Close())
		}

		got, _, err := tally.ReadJournal(path)
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, len(want), tally.JournalSize(info.Size()))
	})
}

// A consumer that never lived has no journal.
func TestMissingJournalIsEmpty(t *testing.T) {
	got, _, err := tally.ReadJournal(filepath.Join(t.TempDir(), "missing"))
	require.NoError(t, err)
	require.Empty(t, got)
}

// A process is killed while it writes an entry: Append had not returned, so the
// event was still in hand, and counts as not consumed.
func TestTornEntryAtTheEndIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := tally.OpenJournal(path)
	require.NoError(t, err)
	require.NoError(t, journal.Append(tally.Consumed{Offset: 7, Sum: 8, At: time.Unix(0, 9)}))
	require.NoError(t, journal.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(content, content[:len(content)-1]...), 0o600))

	got, _, err := tally.ReadJournal(path)
	require.NoError(t, err)
	require.Equal(t, []tally.Consumed{{Offset: 7, Sum: 8, At: time.Unix(0, 9)}}, got)
}

// A consumer is killed while its second write is in flight, and after a third that
// failed and was tried again.
func TestJournalTellsWhichWritesWereAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := tally.OpenJournal(path)
	require.NoError(t, err)
	at := func(n int64) time.Time { return time.Unix(0, n) }
	for _, w := range []tally.Write{
		{Began: at(1)},
		{Began: at(1), Ended: at(2)},
		{Began: at(3)},
		{Began: at(4)},
		{Began: at(4), Ended: at(5)},
		{Began: at(6)},
	} {
		require.NoError(t, journal.AppendWrite(w))
	}
	require.NoError(t, journal.Close())

	_, writes, err := tally.ReadJournal(path)
	require.NoError(t, err)
	require.Equal(t, []tally.Write{
		{Began: at(1), Ended: at(2)}, {Began: at(3)}, {Began: at(4), Ended: at(5)}, {Began: at(6)},
	}, writes)
}

func FuzzReadJournal(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 47))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, os.WriteFile(path+".writes", content, 0o600))
		got, writes, err := tally.ReadJournal(path)
		require.NoError(t, err)
		require.Len(t, got, tally.JournalSize(int64(len(content))))
		require.LessOrEqual(t, len(writes), len(content)/16)
	})
}
