package kafkacursor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNobodyWroteYet(t *testing.T) {
	got := newView().get("a")
	require.True(t, got.best.deleted)
	require.Zero(t, got.best.epoch)
	require.Empty(t, got.best.cursor)
}

// The dumb model looks at all records: of those of the highest epoch, the last of the owner who wrote first under it
// counts, and what comes behind that is a shadow.
func TestBestIsTheLastOfTheFirstOwnerOfTheHighestEpoch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := newView()
		var all []entry
		for i := range rapid.IntRange(1, 12).Draw(t, "records") {
			e := entry{
				text: "a", offset: int64(i), epoch: rapid.Int64Range(0, 3).Draw(t, "epoch"),
				owner: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "owner"), deleted: rapid.Bool().Draw(t, "deleted"),
			}
			all = append(all, e)
			v.apply(e)
		}
		want := all[0]
		for _, e := range all {
			if e.epoch > want.epoch || e.epoch == want.epoch && e.owner == want.owner {
				want = e
			}
		}
		owners := make(map[string]bool)
		for _, e := range all {
			if e.epoch == want.epoch {
				owners[e.owner] = true
			}
		}
		got := v.get("a")
		if got.best != want {
			t.Fatalf("got %+v, want %+v", got.best, want)
		}
		if shadowed := want.offset != all[len(all)-1].offset; got.shadowed != shadowed {
			t.Fatalf("shadowed is %v", got.shadowed)
		}
		if contested := len(owners) > 1; got.contested != contested {
			t.Fatalf("contested is %v", got.contested)
		}
	})
}

// A process is frozen right after it took a consumer over and before it wrote anything. The next owner, who can't know
// of it, takes the same epoch and is far ahead when the first one wakes up and writes. A third one must go on
// from where the owner is, and not consume all that again.
func TestALateWriteUnderTheSameEpochMovesNoCursor(t *testing.T) {
	v := newView()
	v.apply(entry{text: "a", cursor: "10", epoch: 3, owner: "former"})
	v.apply(entry{text: "a", cursor: "900", epoch: 4, owner: "owner"})
	v.apply(entry{text: "a", cursor: "11", epoch: 4, owner: "frozen"})
	require.Equal(t, "900", v.get("a").best.cursor)
	require.True(t, v.get("a").shadowed, "it is written again, as compaction would keep the late one")
	v.apply(entry{text: "a", cursor: "900", epoch: 4, owner: "owner"})
	require.False(t, v.get("a").shadowed)
}
