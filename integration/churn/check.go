package churn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fate is how a worker ended, and what it went through.
type Fate struct {
	Frozen []Span    // beyond its session
	Killed time.Time // zero if it was told to stop
}

// Span is a time from one moment to another.
type Span struct{ From, To time.Time }

// Life is a worker.
type Life struct {
	Name    string
	Entries []Entry
	Fate    Fate
}

// Cursor is a record of the topic of cursors, in the order of that topic.
type Cursor struct {
	Partition int32 // of the events
	Offset    int64
	Epoch     int64
	Owner     string
	At        time.Time // to the millisecond
}

// History is all that is known of a run.
type History struct {
	// Ends has how many events each partition has, at offsets from 0 without a gap.
	Ends    []int64
	Lives   []Life
	Cursors []Cursor
}

// Report is what Check found.
type Report struct {
	Events    int64
	Workers   int
	Kills     int
	Freezes   int
	Handovers int // times that a partition was begun with, beyond the first

	Lost        []string
	Reordered   []string
	CursorAhead []string
	CursorBack  []string // the cursor that counts went back
	Unfinished  []string // the last cursor is not that of the last event

	// Events done again, by what became of the worker that had done them before.
	AfterStop, AfterKill, AfterFreeze int
	// Examples says more of those after a stop, which there must be none of.
	Examples []string
	// OldestAfterKill is how long before the kill the oldest event was done that came again.
	OldestAfterKill time.Duration
}

// Violations says which promises were broken.
func (r Report) Violations() []string {
	broken := slices.Concat(r.Lost, r.Reordered, r.CursorAhead, r.CursorBack, r.Unfinished)
	if r.AfterStop > 0 {
		broken = append(broken, fmt.Sprintf("%d events were done again after a worker had handed them on cleanly", r.AfterStop))
		broken = append(broken, r.Examples...)
	}
	return broken
}

// String is a row of figures.
func (r Report) String() string {
	return strings.Join([]string{
		fmt.Sprintf("%d events, %d workers, %d kills, %d freezes, %d hand-overs", r.Events, r.Workers, r.Kills, r.Freezes, r.Handovers),
		fmt.Sprintf("lost %d, reordered %d, cursor ahead %d, cursor back %d, unfinished %d",
			len(r.Lost), len(r.Reordered), len(r.CursorAhead), len(r.CursorBack), len(r.Unfinished)),
		fmt.Sprintf("done again after a clean hand-over %d, a kill %d (the oldest %s before it), a freeze %d",
			r.AfterStop, r.AfterKill, r.OldestAfterKill.Round(time.Millisecond), r.AfterFreeze),
	}, "; ")
}

// clockSlack is the resolution of a record's time.
const clockSlack = 2 * time.Millisecond

// Check judges a history.
func Check(h History) Report {
	r := Report{Workers: len(h.Lives)}
	for p, end := range h.Ends {
		r.Events += end
		r.partition(h, int32(p), end)
	}
	for _, l := range h.Lives {
		if !l.Fate.Killed.IsZero() {
			r.Kills++
		}
		r.Freezes += len(l.Fate.Frozen)
	}
	return r
}

// done is that the logic of a worker was done with an event.
type done struct {
	partition int32
	offset    int64
	at        time.Time
	life      *Life
}

// partition judges one partition.
func (r *Report) partition(h History, p int32, end int64) {
	var all []done
	begun := 0
	for i := range h.Lives {
		life := &h.Lives[i]
		expected := int64(-1)
		for _, e := range life.Entries {
			switch {
			case e.Partition != p:
			case e.Kind == Began:
				begun++
				expected = e.Offset
			case e.Offset != expected:
				r.Reordered = append(r.Reordered, fmt.Sprintf("%s did %d/%d where %d was next", life.Name, p, e.Offset, expected))
				expected = e.Offset + 1
				all = append(all, done{p, e.Offset, e.At, life})
			default:
				expected++
				all = append(all, done{p, e.Offset, e.At, life})
			}
		}
	}
	r.Handovers += max(begun-1, 0)
	first := make([]time.Time, end)
	slices.SortStableFunc(all, func(a, b done) int { return a.at.Compare(b.at) })
	last := make([]*done, end)
	for i, d := range all {
		if d.offset < 0 || d.offset >= end {
			r.Reordered = append(r.Reordered, fmt.Sprintf("%s did %d/%d, which was never published", d.life.Name, p, d.offset))
			continue
		}
		if before := last[d.offset]; before != nil {
			r.again(*before, d)
		} else {
			first[d.offset] = d.at
		}
		last[d.offset] = &all[i]
	}
	// doneBy[o] is when all up to o were done.
	doneBy := first
	for o := range first {
		if first[o].IsZero() {
			r.Lost = append(r.Lost, fmt.Sprintf("%d/%d was never done", p, o))
			doneBy[o] = time.Unix(1<<40, 0)
		}
		if o > 0 && doneBy[o].Before(doneBy[o-1]) {
			doneBy[o] = doneBy[o-1]
		}
	}
	r.cursors(h, p, end, doneBy)
}

// again counts an event that came again, by the fate of those who did it.
func (r *Report) again(before, now done) {
	// What a worker did shortly before it froze, and what it still did when it woke up and the partition was
	// somebody else's.
	if before.aroundFreeze() || now.aroundFreeze() {
		r.AfterFreeze++
		return
	}
	fate, d := before.life.Fate, before
	if !fate.Killed.IsZero() && fate.Killed.Sub(d.at) < killWindow {
		r.AfterKill++
		r.OldestAfterKill = max(r.OldestAfterKill, fate.Killed.Sub(d.at))
		return
	}
	r.AfterStop++
	if len(r.Examples) < examples {
		r.Examples = append(r.Examples, fmt.Sprintf("offset %d/%d by %s at %s, again by %s at %s", d.partition, d.offset, d.life.Name, clock(d.at), now.life.Name, clock(now.at)))
	}
}

const examples = 10

func clock(t time.Time) string { return t.Format("15:04:05.000") }

// aroundFreeze reports whether it was done shortly before the worker froze, or after it woke up.
func (d done) aroundFreeze() bool {
	for _, frozen := range d.life.Fate.Frozen {
		if d.at.After(frozen.From.Add(-killWindow)) && d.at.Before(frozen.To.Add(wakeWindow)) {
			return true
		}
	}
	return false
}

// wakeWindow is how long one that was frozen may take to find out that it has lost its partitions.
const wakeWindow = 5 * time.Second

// Timeline says who had a partition when, for somebody who looks into a violation.
func (h History) Timeline(p int32) string {
	type turn struct {
		from, to time.Time
		text     string
	}
	var turns []turn
	for _, l := range h.Lives {
		for _, e := range l.Entries {
			switch {
			case e.Partition != p:
			case e.Kind == Began:
				turns = append(turns, turn{e.At, e.At, fmt.Sprintf("%s %s began with %d", clock(e.At), l.Name, e.Offset)})
			default:
				turns[len(turns)-1].to = e.At
				turns[len(turns)-1].text, _, _ = strings.Cut(turns[len(turns)-1].text, ",")
				turns[len(turns)-1].text += fmt.Sprintf(", got to %d at %s", e.Offset, clock(e.At))
			}
		}
	}
	epoch := int64(-1)
	for _, c := range h.Cursors {
		if c.Partition == p && c.Epoch != epoch {
			epoch = c.Epoch
			turns = append(turns, turn{c.At, c.At, fmt.Sprintf("%s %s set cursor %d under epoch %d", clock(c.At), c.Owner, c.Offset, c.Epoch)})
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return a.from.Compare(b.from) })
	lines := make([]string, 0, len(turns))
	for _, t := range turns {
		lines = append(lines, t.text)
	}
	return strings.Join(lines, "\n")
}

// killWindow is more than the interval between two writes of cursors and the time of two writes, also while a
// leader moves. What was done before that was durable.
const killWindow = 3 * time.Second

// cursors judges the cursors of a partition, as a reader would take them: of those of the highest epoch the last of the owner
// who wrote first under it.
func (r *Report) cursors(h History, p int32, end int64, doneBy []time.Time) {
	epoch, offset := int64(-1), int64(-1)
	owners := map[int64]string{}
	for _, c := range h.Cursors {
		if c.Partition != p {
			continue
		}
		// Also of one that doesn't count: nobody may have set it before its events were done.
		if c.Offset >= end || c.Offset >= 0 && doneBy[c.Offset].After(c.At.Add(clockSlack)) {
			r.CursorAhead = append(r.CursorAhead, fmt.Sprintf("cursor %d/%d of %s at %s", p, c.Offset, c.Owner, c.At))
		}
		if _, known := owners[c.Epoch]; !known {
			owners[c.Epoch] = c.Owner
		}
		if c.Epoch < epoch || owners[c.Epoch] != c.Owner {
			continue // a late write, which no reader takes
		}
		if c.Offset < offset {
			r.CursorBack = append(r.CursorBack, fmt.Sprintf("cursor of %d went from %d to %d, set by %s", p, offset, c.Offset, c.Owner))
		}
		epoch, offset = c.Epoch, c.Offset
	}
	if offset != end-1 {
		r.Unfinished = append(r.Unfinished, fmt.Sprintf("cursor of %d is %d, the last event %d", p, offset, cmp.Or(end-1, -1)))
	}
}
