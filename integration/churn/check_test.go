package churn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var t0 = time.Unix(1_000_000, 0)

func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

// did is a run from an offset on, with one event each 10 ms.
func did(from, n, ms int) []Entry {
	entries := []Entry{{Kind: Began, Offset: int64(from), At: at(ms)}}
	for i := range n {
		entries = append(entries, Entry{Kind: Done, Offset: int64(from + i), At: at(ms + 10*i)})
	}
	return entries
}

// good is two workers, of whom the second one takes over.
func good() History {
	return History{
		Ends: []int64{10},
		Lives: []Life{
			{Name: "a", Entries: did(0, 5, 0)},
			{Name: "b", Entries: did(5, 5, 100)},
		},
		Cursors: []Cursor{
			{Offset: 2, Epoch: 1, Owner: "a", At: at(30)},
			{Offset: 4, Epoch: 1, Owner: "a", At: at(50)},
			{Offset: 9, Epoch: 2, Owner: "b", At: at(200)},
		},
	}
}

func TestAGoodHistoryPasses(t *testing.T) {
	r := Check(good())
	require.Empty(t, r.Violations())
	require.Equal(t, int64(10), r.Events)
	require.Equal(t, 1, r.Handovers)
	require.Contains(t, r.String(), "lost 0, reordered 0")
}

func TestEachBrokenPromiseIsFound(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*History)
		found func(Report) int
	}{
		"lost": {
			func(h *History) { h.Lives[1].Entries = did(6, 4, 100) },
			func(r Report) int { return len(r.Lost) },
		},
		"skipped within a run": {
			func(h *History) { h.Lives[1].Entries[3].Offset = 9 },
			func(r Report) int { return len(r.Reordered) },
		},
		"invented": {
			func(h *History) { h.Lives[1].Entries = did(5, 6, 100) },
			func(r Report) int { return len(r.Reordered) },
		},
		"cursor set before the event was done": {
			func(h *History) { h.Cursors[1].At = at(35) },
			func(r Report) int { return len(r.CursorAhead) },
		},
		"cursor of no event": {
			func(h *History) { h.Cursors[2].Offset = 12 },
			func(r Report) int { return len(r.CursorAhead) },
		},
		"cursor set before an event that another one did": {
			func(h *History) { h.Cursors[2].At = at(110) },
			func(r Report) int { return len(r.CursorAhead) },
		},
		"cursor back": {
			func(h *History) {
				h.Cursors = append(h.Cursors, Cursor{Offset: 4, Epoch: 3, Owner: "c", At: at(300)}, Cursor{Offset: 9, Epoch: 3, Owner: "c", At: at(400)})
			},
			func(r Report) int { return len(r.CursorBack) },
		},
		"an epoch of two": {
			func(h *History) { h.Cursors[2].Epoch = 1 },
			func(r Report) int { return len(r.Unfinished) },
		},
		"unfinished": {
			func(h *History) { h.Cursors = h.Cursors[:2] },
			func(r Report) int { return len(r.Unfinished) },
		},
		"again after a clean stop": {
			func(h *History) { h.Lives[1].Entries = did(4, 6, 100) },
			func(r Report) int { return r.AfterStop },
		},
		"again long after it was done by one that was killed": {
			func(h *History) {
				h.Lives[0].Fate.Killed = at(10_000)
				h.Lives[1].Entries = did(4, 6, 10_100)
				h.Cursors[2].At = at(10_300)
			},
			func(r Report) int { return r.AfterStop },
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			tc.spoil(&h)
			r := Check(h)
			require.NotZero(t, tc.found(r), "%+v", r)
			require.NotEmpty(t, r.Violations())
		})
	}
}

func TestWhatCrashesExcuseIsCountedByCause(t *testing.T) {
	h := good()
	h.Lives[0].Fate.Killed = at(55)
	h.Lives[1].Entries = did(3, 7, 100)
	r := Check(h)
	require.Empty(t, r.Violations())
	require.Equal(t, 2, r.AfterKill)
	require.Equal(t, 25*time.Millisecond, r.OldestAfterKill)

	h.Lives[0].Fate = Fate{Frozen: []Span{{at(45), at(5000)}}}
	r = Check(h)
	require.Empty(t, r.Violations())
	require.Equal(t, 2, r.AfterFreeze)

	// A late write of the one that was frozen.
	h.Cursors = append(h.Cursors, Cursor{Offset: 4, Epoch: 1, Owner: "a", At: at(5100)})
	require.Empty(t, Check(h).Violations())
}

func TestJournalSurvives(t *testing.T) {
	path := t.TempDir() + "/journal"
	j, err := OpenJournal(path)
	require.NoError(t, err)
	want := Entry{Kind: Done, Partition: 7, Offset: 1 << 40, At: at(3)}
	require.NoError(t, j.Append(want))
	_, err = j.file.Write([]byte("torn"))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	got, err := ReadJournal(path)
	require.NoError(t, err)
	require.Equal(t, []Entry{want}, got)
}
