package kafkacursor

import (
	"strconv"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var errWrite = errors.New("write failed")

func ownedCell() *cell {
	c := new(cell)
	c.acquire(newView().get("a"))
	return c
}

func standingOf(cursor string, epoch int64) standing {
	return standing{best: entry{cursor: cursor, epoch: epoch}}
}

func TestCursorNeverGoesBackWithinAnOwnership(t *testing.T) {
	var c cell
	require.Equal(t, mustOwn, c.set("1", nil))
	require.Equal(t, "10@id:4", c.acquire(standingOf("10@id:4", 3)))
	require.Equal(t, int64(4), c.epoch)
	require.Equal(t, backwards, c.set("9", nil))
	require.Equal(t, same, c.set("10", nil))
	require.Equal(t, kept, c.set("11", nil))
	require.Equal(t, kept, c.set("99999999999999999999999", nil))
	require.Equal(t, backwards, c.set("9223372036854775807", nil))
	require.Equal(t, kept, c.set("not a number", nil))
	require.Equal(t, kept, c.set("1", nil), "what is no number has no order")
}

func TestStampIsThatOfWhenTheCursorWasSet(t *testing.T) {
	c := ownedCell()
	for _, incarnation := range []string{"@a", "@b"} {
		c.set("7"+incarnation[1:], func(id string) string { return id + incarnation })
	}
	w, ok := c.take()
	require.True(t, ok)
	require.Equal(t, "7b@b", w.value.text())
}

func TestWhatWasSetIsReturnedBeforeItIsWritten(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	require.Equal(t, "7", c.acquire(standingOf("5", 1)))
	w, ok := c.take()
	require.True(t, ok)
	require.Equal(t, int64(2), w.epoch)
}

// A store asked how far the log goes, its write of 7 was acknowledged, and then it looked
// at the records up to there: 7 is durable and not among them. It went back to 5.
func TestWhatWasSetIsReturnedThoughItIsNotReadBackYet(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	w, ok := c.take()
	require.True(t, ok)
	c.wrote(w, nil)
	require.Equal(t, "7", c.acquire(standingOf("5", 1)))
	require.False(t, c.pending())
	require.Equal(t, backwards, c.set("6", nil))
	require.Equal(t, "3", c.acquire(standingOf("3", c.epoch+1)), "an operator's reset counts all the same")
}

// A was superseded by B, which consumed up to 20 and died. What A had set and not
// written is of no use to its next ownership: B's cursor counts.
func TestWhatWasSetIsDroppedWithTheOwnership(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	require.Equal(t, superseded, c.observe(2, false))
	c.lose(errWrite)
	require.False(t, c.pending())
	require.Equal(t, notOwned, c.set("8", nil))
	require.Equal(t, notOwned, c.set("9", nil), "or the loser would take over by going on")
	require.Equal(t, "20", c.acquire(standingOf("20", 2)))
	require.Equal(t, int64(3), c.epoch)
	require.False(t, c.pending())
}

func TestFailureIsToldOnce(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	w, _ := c.take()
	c.wrote(w, errWrite)
	require.ErrorIs(t, c.tell(), errWrite)
	require.NoError(t, c.tell())
	require.True(t, c.pending(), "and the write is repeated")

	w, _ = c.take()
	c.wrote(w, errWrite)
	w, _ = c.take()
	c.wrote(w, nil)
	require.NoError(t, c.tell(), "it was mended before anybody asked")
	require.False(t, c.pending())
}

func TestFlushWaitsForAnAttemptThatHasItsValue(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	old, _ := c.take()
	c.set("8", nil)
	wait := c.await()
	c.wrote(old, errWrite)
	over, _ := c.arrived(wait)
	require.False(t, over, "the failure was of an older value")
	w, _ := c.take()
	c.wrote(w, errWrite)
	over, err := c.arrived(wait)
	require.True(t, over)
	require.ErrorIs(t, err, errWrite)
	require.NoError(t, c.tell(), "told by Flush")
}

func TestFlushTellsTheLossOnce(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	wait := c.await()
	c.lose(errWrite)
	over, err := c.arrived(wait)
	require.True(t, over)
	require.ErrorIs(t, err, errWrite)
	over, err = c.arrived(c.await())
	require.True(t, over)
	require.NoError(t, err)
}

// A cursor was written again because a former owner's record came after it, and
// that failed. Were it forgotten, compaction would keep the former owner's.
func TestFailedRewriteIsRepeated(t *testing.T) {
	c := ownedCell()
	c.set("7", nil)
	w, _ := c.take()
	c.wrote(w, nil)
	c.observe(1, true)
	require.Equal(t, overwritten, c.observe(0, false))
	w, ok := c.take()
	require.True(t, ok)
	require.Equal(t, "7", w.value.text())
	c.wrote(w, errWrite)
	require.True(t, c.pending())
	w, _ = c.take()
	c.putBack(w)
	require.True(t, c.pending())
	w, _ = c.take()
	c.wrote(w, nil)
	require.False(t, c.pending())
}

func TestAcquiringMendsAShadow(t *testing.T) {
	var c cell
	s := standingOf("7", 3)
	s.shadowed = true
	c.acquire(s)
	w, ok := c.take()
	require.True(t, ok)
	require.Equal(t, "7", w.value.text())
	require.Equal(t, int64(4), w.epoch)

	var d cell
	d.acquire(standing{best: entry{deleted: true, epoch: 3}, shadowed: true})
	require.False(t, d.pending(), "an empty cursor is not to be written")
}

// world is a log of records and stores that write to it, as far as they matter to
// one cursor. Each store's cell is driven as Store does it.
type world struct {
	log    []entry
	stores []*actor
}

type actor struct {
	name     string
	cell     cell
	inFlight *write
	read     int // position in the log
	view     *view

	set int // the newest value that was set
}

func (w *world) land(a *actor) {
	e := entry{text: "a", cursor: a.inFlight.value.text(), epoch: a.inFlight.epoch, owner: a.name, offset: int64(len(w.log))}
	w.log = append(w.log, e)
}

func (w *world) observe(a *actor) bool {
	if a.read == len(w.log) {
		return false
	}
	e := w.log[a.read]
	a.read++
	a.view.apply(e)
	if a.cell.observe(e.epoch, e.owner == a.name) == superseded {
		a.cell.lose(errWrite)
	}
	return true
}

func (w *world) acquire(a *actor) {
	for w.observe(a) {
	}
	cursor := a.cell.acquire(a.view.get("a"))
	a.set, _ = strconv.Atoi(cursor)
}

func (w *world) write(t *rapid.T, a *actor) {
	wr, ok := a.cell.take()
	if a.inFlight != nil {
		if ok {
			t.Fatal("two writes are under way")
		}
		return
	}
	if ok {
		a.inFlight = &wr
	}
}

// end ends the write that is under way, and says whether there was one.
func (w *world) end(a *actor, landed bool, err error) bool {
	if a.inFlight == nil {
		return false
	}
	if landed {
		w.land(a)
	}
	a.cell.wrote(*a.inFlight, err)
	a.inFlight = nil
	return true
}

// Stores write one cursor as they like: writes land late, fail, land although they
// are said to have failed; each store reads the log at its own pace and
// acquires when it likes. Whatever happens: one store's values land in the order they
// were set, no store has two writes under way, and once everything has come to
// rest there is one owner that has written, whose newest value is what a new reader
// finds, and which compaction will keep.
func TestStoresAgreeOnOneCursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := new(world)
		for i := range rapid.IntRange(1, 3).Draw(t, "stores") {
			w.stores = append(w.stores, &actor{name: strconv.Itoa(i), view: newView()})
		}
		one := func() *actor { return rapid.SampledFrom(w.stores).Draw(t, "store") }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				a := one()
				next := a.set + rapid.IntRange(-2, 3).Draw(t, "step")
				switch v := a.cell.set(strconv.Itoa(max(next, 0)), nil); {
				case a.cell.state != owned:
					if v == kept || v == same {
						t.Fatal("set without owning")
					}
				case next > a.set && v != kept:
					t.Fatalf("%d after %d was not kept", next, a.set)
				case next < a.set && v == kept && max(next, 0) < a.set:
					t.Fatalf("%d after %d was kept", next, a.set)
				case v == kept:
					a.set = max(next, 0)
				}
			},
			"acquire": func(*rapid.T) { w.acquire(one()) },
			"observe": func(*rapid.T) { w.observe(one()) },
			"write":   func(t *rapid.T) { w.write(t, one()) },
			"landed":  func(*rapid.T) { w.end(one(), true, nil) },
			"failed":  func(t *rapid.T) { w.end(one(), rapid.Bool().Draw(t, "landed"), errWrite) },
			"":        func(t *rapid.T) { w.checkOrder(t) },
		})
		w.rest(t)
		w.checkOrder(t)
		w.checkRest(t)
	})
}

// rest lets everything happen that is under way.
func (w *world) rest(t *rapid.T) {
	for busy := true; busy; {
		if len(w.log) > 10000 {
			t.Fatal("the stores never come to rest")
		}
		busy = false
		for _, a := range w.stores {
			w.write(t, a)
			busy = w.end(a, true, nil) || busy
			for w.observe(a) {
				busy = true
			}
		}
	}
}

// checkOrder checks that what one store wrote under one epoch never goes back.
func (w *world) checkOrder(t *rapid.T) {
	type ownership struct {
		owner string
		epoch int64
	}
	last := make(map[ownership]int)
	for _, e := range w.log {
		value, _ := strconv.Atoi(e.cursor)
		by := ownership{e.owner, e.epoch}
		if value < last[by] {
			t.Fatalf("%+v wrote %d after %d", by, value, last[by])
		}
		last[by] = value
	}
}

func (w *world) checkRest(t *rapid.T) {
	fresh := newView()
	for _, e := range w.log {
		fresh.apply(e)
	}
	found := fresh.get("a")
	writers := 0
	for _, a := range w.stores {
		if a.cell.state != owned || !a.cell.ownSeen {
			continue
		}
		writers++
		if found.best.owner != a.name || found.best.cursor != strconv.Itoa(a.set) || found.best.epoch != a.cell.epoch {
			t.Fatalf("%s is at %d under epoch %d, but a reader finds %+v", a.name, a.set, a.cell.epoch, found.best)
		}
		if found.shadowed {
			t.Fatal("compaction would keep another record than the owner's")
		}
	}
	if writers > 1 {
		t.Fatalf("%d owners wrote and don't know of each other", writers)
	}
}
