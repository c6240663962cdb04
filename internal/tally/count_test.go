package tally_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/internal/tally"
)

// The histories here consume an event per millisecond, and the cursor may go
// unwritten for 3 ms.
const (
	tick  = time.Millisecond
	pause = 3 * tick
)

// epoch is when the first life begins.
func epoch() time.Time { return time.UnixMilli(1_000_000) }

// published returns events at the offsets 0, 10, 20 ...: a log has holes.
func published(n int) []tally.Published {
	events := make([]tally.Published, n)
	for i := range events {
		events[i] = tally.Published{Offset: int64(10 * i), Sum: uint64(i)}
	}
	return events
}

// did returns what a life does that consumes the events with these indexes.
func did(indexes ...int) []tally.Consumed {
	events := make([]tally.Consumed, len(indexes))
	for i, index := range indexes {
		events[i] = tally.Consumed{Offset: int64(10 * index), Sum: uint64(index), At: epoch().Add(time.Duration(i) * tick)}
	}
	return events
}

func upTo(from, to int) []tally.Consumed {
	var indexes []int
	for i := from; i < to; i++ {
		indexes = append(indexes, i)
	}
	return did(indexes...)
}

func crashed(cursor int64, events []tally.Consumed) tally.Life {
	return tally.Life{Consumed: events, Crashed: true, Cursor: cursor}
}

func stopped(cursor int64, events []tally.Consumed) tally.Life {
	return tally.Life{Consumed: events, Cursor: cursor}
}

func TestCleanLifeKeepsAllPromises(t *testing.T) {
	r := tally.Count(published(5), []tally.Life{stopped(40, upTo(0, 5))}, pause)
	require.True(t, r.OK(), r.Violations())
	require.Equal(t, tally.Result{Published: 5, Consumed: 5}, r)
}

func TestCrashIsExcusedForThePauseAndTheEventInHand(t *testing.T) {
	// The last event is consumed at 9 ms: 6, 7, 8 and 9 ms are in the pause.
	for resumed, ok := range map[int]bool{10: true, 6: true, 5: true, 4: false, 0: false} {
		r := tally.Count(published(12), []tally.Life{
			crashed(tally.NoCursor, upTo(0, 10)), stopped(110, upTo(resumed, 12)),
		}, pause)
		require.Equal(t, ok, r.OK(), "resumed at %d: %v", resumed, r.Violations())
		require.Equal(t, 10-resumed, r.Redelivered)
		require.Equal(t, []tally.Stop{{
			Crashed: true, Redelivered: 10 - resumed, Bound: 5, Age: max(0, time.Duration(9-resumed)*tick),
		}}, r.Stops)
	}
}

// What is consumed while a write is in flight is not in that write, and the next
// one has not begun. So a slow broker makes more events come again.
func TestCrashIsExcusedForWritesInFlight(t *testing.T) {
	at := func(ms int) time.Time { return epoch().Add(time.Duration(ms) * tick) }
	for name, c := range map[string]struct {
		writes   []tally.Write
		inFlight time.Duration
		bound    int
	}{
		"none":                             {nil, 0, 5},
		"acknowledged at once":             {[]tally.Write{{Began: at(3), Ended: at(3)}}, 0, 5},
		"the last one took 2 ms":           {[]tally.Write{{Began: at(1), Ended: at(2)}, {Began: at(3), Ended: at(5)}}, 2 * tick, 7},
		"and one is open since 1 ms":       {[]tally.Write{{Began: at(3), Ended: at(5)}, {Began: at(8)}}, 3 * tick, 8},
		"one failed, one is open":          {[]tally.Write{{Began: at(3), Ended: at(5)}, {Began: at(7)}, {Began: at(8)}}, 4 * tick, 9},
		"none was ever acknowledged":       {[]tally.Write{{Began: at(2)}, {Began: at(8)}}, 7 * tick, 10},
		"one was begun after the last day": {[]tally.Write{{Began: at(20)}}, 0, 5},
	} {
		t.Run(name, func(t *testing.T) {
			life := crashed(tally.NoCursor, upTo(0, 10))
			life.Writes = c.writes
			r := tally.Count(published(10), []tally.Life{life, stopped(90, upTo(9, 10))}, pause)
			require.Equal(t, c.inFlight, r.LongestInFlight())
			require.Equal(t, c.bound, r.Stops[0].Bound)
		})
	}
}

// A process that is killed while it waits for its next event has had time to
// store the cursor of the last one.
func TestPauseCountsFromTheKillAndNotFromTheLastEvent(t *testing.T) {
	life := crashed(tally.NoCursor, upTo(0, 10))
	life.Ended = epoch().Add(time.Second)
	r := tally.Count(published(10), []tally.Life{life, stopped(90, upTo(8, 10))}, pause)
	require.Equal(t, 1, r.OverBound)
	require.Equal(t, 1, r.Stops[0].Bound)
	require.Equal(t, time.Second-8*tick, r.OldestRedelivered())
}

func TestNothingMayComeAgainAfterACleanStop(t *testing.T) {
	lives := []tally.Life{stopped(20, upTo(0, 3)), stopped(40, upTo(2, 5))}
	r := tally.Count(published(5), lives, pause)
	require.Equal(t, []string{"1 over the bound: more came again after a stop than may"}, r.Violations())
	require.Zero(t, r.Crashes())
}

// A consumer that is killed again and again before it stored anything repeats
// the same events; each crash is held against its own bound only.
func TestLivesThatMakeNoProgressCountOneByOne(t *testing.T) {
	r := tally.Count(published(6), []tally.Life{
		crashed(tally.NoCursor, upTo(0, 3)),
		crashed(tally.NoCursor, nil), // killed before its first event
		crashed(tally.NoCursor, upTo(0, 2)),
		stopped(50, upTo(0, 6)),
	}, pause)
	require.True(t, r.OK(), r.Violations())
	require.Equal(t, 5, r.Redelivered)
	require.Equal(t, tally.Spread{Min: 2, Median: 3, Max: 3}, r.RedeliveredPerCrash())
	require.Equal(t, tally.Spread{Min: 2, Median: 3, Max: 3}, r.BoundPerCrash())
}

func TestBadHistoriesAreSeen(t *testing.T) {
	whole := stopped(40, upTo(0, 5))
	altered := stopped(40, upTo(0, 5))
	altered.Consumed = slices.Clone(altered.Consumed)
	altered.Consumed[2].Sum++
	unknown := stopped(40, upTo(0, 5))
	unknown.Consumed = slices.Insert(slices.Clone(unknown.Consumed), 2, tally.Consumed{Offset: 15, At: epoch()})

	for name, c := range map[string]struct {
		lives []tally.Life
		want  string
	}{
		"nothing consumed":              {nil, "5 lost"},
		"end missing":                   {[]tally.Life{stopped(30, upTo(0, 4))}, "1 lost"},
		"hole":                          {[]tally.Life{stopped(40, did(0, 1, 3, 4))}, "1 lost"},
		"hole is out of order too":      {[]tally.Life{stopped(40, did(0, 1, 3, 4))}, "1 out of order"},
		"hole filled later":             {[]tally.Life{stopped(20, did(0, 1, 3, 2, 4))}, "3 out of order"},
		"begins beyond the start":       {[]tally.Life{crashed(-1, did(1, 2)), stopped(40, upTo(0, 5))}, "1 out of order"},
		"resumes beyond what was done":  {[]tally.Life{crashed(-1, did(0, 1)), stopped(40, did(3, 4))}, "1 out of order"},
		"twice in one life":             {[]tally.Life{stopped(40, did(0, 1, 1, 2, 3, 4))}, "1 out of order"},
		"altered":                       {[]tally.Life{altered}, "1 altered"},
		"unknown":                       {[]tally.Life{unknown}, "1 unknown"},
		"cursor of an event not done":   {[]tally.Life{crashed(20, did(0, 1)), whole}, "1 cursor ahead"},
		"cursor over a hole":            {[]tally.Life{stopped(30, did(0, 1, 3)), whole}, "1 cursor ahead"},
		"cursor of nobody's event":      {[]tally.Life{crashed(15, did(0)), whole}, "1 cursor ahead"},
		"cursor before any event":       {[]tally.Life{crashed(0, nil), whole}, "1 cursor ahead"},
		"crash repeats what was stored": {[]tally.Life{crashed(40, upTo(0, 5)), whole, stopped(40, upTo(4, 5))}, "1 over the bound"},
	} {
		t.Run(name, func(t *testing.T) {
			r := tally.Count(published(5), c.lives, pause)
			require.False(t, r.OK())
			require.Contains(t, fmt.Sprint(r.Violations()), c.want)
		})
	}
}

func TestCursorBetweenEventsIsNotAhead(t *testing.T) {
	// Offset 15 is a marker after the event at 10: the log is consumed up to it.
	r := tally.Count(published(5), []tally.Life{crashed(15, did(0, 1)), stopped(40, upTo(2, 5))}, pause)
	require.True(t, r.OK(), r.Violations())
}

// A model of a consumer that keeps the promises: it stores its cursor every so
// many events, dies anywhere, and resumes after what was stored.
func TestConsumersThatKeepThePromisesPassWhateverTheCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.IntRange(1, 60).Draw(t, "events")
		lives := honest(t, events)

		r := tally.Count(published(events), lives, pause)
		require.True(t, r.OK(), r.Violations())
		require.Equal(t, events+r.Redelivered, r.Consumed)

		again := 0
		for _, s := range r.Stops {
			again += s.Redelivered
		}
		require.Equal(t, r.Redelivered, again, "what came again belongs to one crash each")
	})
}

func TestEventDroppedFromAllLivesIsAlwaysLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.IntRange(1, 60).Draw(t, "events")
		lives := honest(t, events)
		dropped := int64(10 * rapid.IntRange(0, events-1).Draw(t, "dropped"))
		for i := range lives {
			lives[i].Consumed = slices.DeleteFunc(lives[i].Consumed, func(c tally.Consumed) bool { return c.Offset == dropped })
		}

		r := tally.Count(published(events), lives, pause)
		require.Equal(t, 1, r.Lost)
		require.False(t, r.OK())
	})
}

// honest returns the lives of a consumer whose cursor is stored at least once
// in each pause, with any number of crashes, and a last life that ends at the head.
func honest(t *rapid.T, events int) []tally.Life {
	stored := -1 // index
	var lives []tally.Life
	for range rapid.IntRange(0, 6).Draw(t, "crashes") {
		from := stored + 1
		done := rapid.IntRange(0, events-from).Draw(t, "done")
		unstored := rapid.IntRange(0, min(done, int(pause/tick)+2)).Draw(t, "unstored")
		stored += done - unstored
		cursor := int64(tally.NoCursor)
		if stored >= 0 {
			cursor = int64(10 * stored)
		}
		lives = append(lives, crashed(cursor, upTo(from, from+done)))
	}
	return append(lives, stopped(int64(10*(events-1)), upTo(stored+1, events)))
}
