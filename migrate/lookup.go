package migrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/decimal"
	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
)

// lookup finds the copies that cursors stand on in one pass over the target. It decides only.
type lookup struct {
	topic     string
	partition int32
	start     int64 // of the log

	wanted  []string         // numbers that no record has reached yet, in their order
	opaque  map[string]bool  // other cursors that were not found yet
	found   map[string]int64 // offset of the copy, or startOfLog or goneFromLog
	last    copied           // without its event
	any     bool             // there is a last
	foreign int64            // offset of the first record that was not copied, or -1
}

const (
	startOfLog  = -1
	goneFromLog = -2
)

func newLookup(topic string, partition int32, start int64, cursors []string) *lookup {
	l := &lookup{
		topic: topic, partition: partition, start: start,
		opaque: make(map[string]bool), found: make(map[string]int64), foreign: -1,
	}
	for _, cursor := range cursors {
		id := sourceIDOf(cursor)
		switch {
		case id == "":
		case decimal.Is(id):
			l.wanted = append(l.wanted, id)
		default:
			l.opaque[id] = true
		}
	}
	slices.SortFunc(l.wanted, compareDecimal)
	l.wanted = slices.Compact(l.wanted)
	return l
}

func compareDecimal(a, b string) int {
	switch {
	case decimal.Less(a, b):
		return -1
	case decimal.Less(b, a):
		return 1
	}
	return 0
}

// sourceIDOf returns the ID of the event that a cursor stands on. Behind an @ a cursor says which log
// it is of.
func sourceIDOf(cursor string) string {
	if at, err := kafkastream.ParseCursor(cursor); err == nil {
		return strconv.FormatInt(at.Offset, 10)
	}
	return cursor
}

// take looks at the next record of the target.
func (l *lookup) take(r copied) error {
	if r.sourceID == "" {
		if l.foreign < 0 {
			l.foreign = r.offset
		}
		return nil // of those who publish to the target since it is complete
	}
	if l.foreign >= 0 {
		return &Error{
			Kind: ErrForeignRecords, Topic: l.topic, Partition: l.partition,
			Found: fmt.Sprintf("one at offset %d before the copied event %s", l.foreign, quote(r.sourceID)),
			Do:    "copy into an empty partition: a cursor on that event would leave out the other, which nobody consumed",
		}
	}
	number := decimal.Is(r.sourceID)
	if l.any && (number != decimal.Is(l.last.sourceID) || number && !decimal.Less(l.last.sourceID, r.sourceID)) {
		return &Error{
			Kind: ErrSourceOrder, Topic: l.topic, Partition: l.partition,
			Found: fmt.Sprintf("ID %s at offset %d behind ID %s", quote(r.sourceID), r.offset, quote(l.last.sourceID)),
			Do:    "copy into an empty partition: no Copy has written that",
		}
	}
	if number {
		for len(l.wanted) > 0 && decimal.Less(l.wanted[0], r.sourceID) {
			l.found[l.wanted[0]] = l.before()
			l.wanted = l.wanted[1:]
		}
		if len(l.wanted) > 0 && l.wanted[0] == r.sourceID {
			l.found[r.sourceID] = r.offset
			l.wanted = l.wanted[1:]
		}
	} else if l.opaque[r.sourceID] {
		l.found[r.sourceID] = r.offset
		delete(l.opaque, r.sourceID)
	}
	l.last, l.any = copied{offset: r.offset, sourceID: r.sourceID}, true
	return nil
}

// before is the place of what comes before the record at hand and is not copied itself.
func (l *lookup) before() int64 {
	switch {
	case l.any:
		return l.last.offset
	case l.start > 0:
		return goneFromLog
	}
	return startOfLog
}

// pending reports whether more records could make a difference.
func (l *lookup) pending() bool {
	if !l.any {
		return len(l.wanted) > 0 || len(l.opaque) > 0
	}
	if decimal.Is(l.last.sourceID) {
		return len(l.wanted) > 0
	}
	return len(l.opaque) > 0
}

// place returns where a cursor is, as far as the records taken tell.
func (l *lookup) place(cursor string, acceptRepeats bool) (offset int64, err error) {
	id := sourceIDOf(cursor)
	if id == "" {
		return startOfLog, nil
	}
	refused := func(kind error, found, do string) (int64, error) {
		return 0, &Error{Kind: kind, Topic: l.topic, Partition: l.partition, Asked: "the copy of event " + quote(id), Found: found, Do: do}
	}
	offset, ok := l.found[id]
	switch {
	case ok && offset == goneFromLog:
		return refused(ErrGone, fmt.Sprintf("a log that starts at offset %d, behind it", l.start),
			"find out which events the consumer would miss, and set its cursor yourself")
	case ok:
		return offset, nil
	case !l.any:
		return refused(ErrNotCopied, "no copied event", "copy the events, then try again")
	case decimal.Is(id) != decimal.Is(l.last.sourceID):
		return refused(ErrUnknownCursor, "IDs such as "+quote(l.last.sourceID), "see whether the cursor is of the stream that was copied")
	case decimal.Is(id) && acceptRepeats:
		return l.last.offset, nil
	}
	return refused(ErrNotCopied, "copied events up to "+quote(l.last.sourceID), "let the copy go on, then try again, or wait for it")
}

// waiting says how long to wait for events that are not copied yet, and what to do then.
type waiting struct {
	until         time.Time
	acceptRepeats bool
}

// lookUp reads the target from where the first cursor may be to its head, and on while it waits.
func (m Mapping) lookUp(ctx context.Context, cursors []string, offsets kafkastream.Offsets, until waiting) (map[string]place, kafkastream.Offsets, error) {
	l := newLookup(m.topic, m.partition, offsets.Start, cursors)
	from, err := m.search(ctx, l, offsets)
	if err != nil {
		return nil, offsets, err
	}
	bounded, cancel := context.WithDeadline(ctx, until.until)
	defer cancel()
	var pause kafka.Backoff
	// Nothing to look for is still a look at the log, whose identity is part of a cursor.
	for {
		err := toHead(ctx, m.target, from, offsets.Start, func(r copied) error {
			from = r.offset + 1
			return l.take(r)
		})
		if err != nil {
			return nil, offsets, err
		}
		if !l.pending() || pause.Wait(bounded) != nil {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, offsets, err
	}
	if offsets, err = m.target.Offsets(ctx); err != nil {
		return nil, offsets, err
	}
	places := make(map[string]place, len(cursors))
	for _, cursor := range cursors {
		offset, err := l.place(cursor, until.acceptRepeats)
		switch {
		case err != nil:
			places[cursor] = place{err: err}
		case offset == startOfLog:
			places[cursor] = place{next: offsets.Start}
		default:
			places[cursor] = place{cursor: m.target.Stamp()(strconv.FormatInt(offset, 10)), next: offset + 1}
		}
	}
	return places, offsets, nil
}

// search returns an offset to read from: that of a copy at or before the smallest number
// looked for, or the start. Copied numbers grow with their offsets, so that halving finds it.
func (m Mapping) search(ctx context.Context, l *lookup, offsets kafkastream.Offsets) (int64, error) {
	if len(l.wanted) == 0 || len(l.opaque) > 0 || offsets.LastStable-offsets.Start < m.searched {
		return offsets.Start, nil
	}
	low, high := offsets.Start, offsets.LastStable // the copy, if there is one, is in between
	found := offsets.Start
	for low < high {
		middle := low + (high-low)/2
		r, ok, err := m.firstFrom(ctx, middle, offsets.Start)
		if err != nil {
			return 0, err
		}
		switch {
		case ok && r.sourceID != "" && !decimal.Is(r.sourceID):
			return offsets.Start, nil
		case !ok || r.sourceID == "" || decimal.Less(l.wanted[0], r.sourceID):
			high = middle // what follows is beyond it
		default:
			found, low = r.offset, r.offset+1
		}
	}
	return found, nil
}

var errEnough = errors.New("enough")

// firstFrom returns the first record at or behind an offset.
func (m Mapping) firstFrom(ctx context.Context, offset, start int64) (first copied, ok bool, err error) {
	err = toHead(ctx, m.target, offset, start, func(r copied) error {
		first, ok = copied{offset: r.offset, sourceID: string([]byte(r.sourceID))}, true
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return first, ok, err
}
