package kafkastream

import (
	"slices"
	"sync"
	"sync/atomic"
)

// incarnation is a topic of one ID, as streams have read it: it knows under
// which leader epoch each event was written.
type incarnation struct {
	topicID [16]byte
	stamp   func(id string) string // made once, as Stamp is called for each event
	streams int                    // open ones, guarded by Partition.mu

	mu     sync.Mutex // serialises note and noteHead
	epochs atomic.Pointer[[]boundary]
	heads  atomic.Pointer[[]boundary] // what streams began after at the head, the newest last
}

// boundary is the lowest offset at which an epoch was seen.
type boundary struct {
	offset int64
	epoch  int32
}

// maxHeads is more than the streams that begin at the head within one interval of writing cursors. Those that
// drop out are stamped like any event.
const maxHeads = 64

// maxBoundaries is far more than the elections behind the events that are still
// being consumed. Those that drop out only lose their epoch.
const maxBoundaries = 256

func newIncarnation(topicID [16]byte) *incarnation {
	inc := &incarnation{topicID: topicID}
	inc.stamp = inc.cursorText
	return inc
}

// cursorText adds the identity of the log to the ID of an event that was read
// from it. What is not the ID of an event stays as it is.
func (inc *incarnation) cursorText(id string) string {
	cursor, err := ParseCursor(id)
	if err != nil || cursor.TopicID != [16]byte{} || inc.topicID == [16]byte{} {
		return id
	}
	cursor.TopicID = inc.topicID
	if epochs := inc.epochs.Load(); epochs != nil {
		cursor.LeaderEpoch = epochAt(*epochs, cursor.Offset)
	}
	if heads := inc.heads.Load(); heads != nil {
		for _, head := range *heads {
			if head.offset == cursor.Offset {
				cursor.LeaderEpoch = head.epoch
			}
		}
	}
	return cursor.String()
}

// noteHead remembers that the log reached up to the offset under the epoch, before a stream begins after it.
//
// The event at the offset was not read, so what epochs says about it is a guess from events before it: too low an
// epoch, which may have ended earlier, and the cursor would look like one of a log that was truncated.
func (inc *incarnation) noteHead(offset int64, epoch int32) {
	if offset < 0 || epoch < 0 {
		return // nothing that could be lost
	}
	inc.mu.Lock()
	defer inc.mu.Unlock()
	var heads []boundary
	if p := inc.heads.Load(); p != nil {
		heads = slices.DeleteFunc(slices.Clone(*p), func(b boundary) bool { return b.offset == offset })
	}
	heads = append(heads, boundary{offset: offset, epoch: epoch})
	heads = heads[max(0, len(heads)-maxHeads):]
	inc.heads.Store(&heads)
}

// note remembers that the record at the offset was written under the epoch. It
// must be called for the first record that a stream reads and for each whose epoch
// is another than the one before, ahead of handing the event out.
func (inc *incarnation) note(offset int64, epoch int32) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	var known []boundary
	if p := inc.epochs.Load(); p != nil {
		known = *p
	}
	if epochAt(known, offset) == epoch {
		return
	}
	// A copy, as readers hold the slice.
	next := addBoundary(slices.Clone(known), boundary{offset: offset, epoch: epoch})
	inc.epochs.Store(&next)
}

// epochAt returns the epoch of the event at an offset that was noted.
func epochAt(epochs []boundary, offset int64) int32 {
	i, found := findBoundary(epochs, offset)
	if found {
		return epochs[i].epoch
	}
	if i == 0 {
		return unknownEpoch
	}
	return epochs[i-1].epoch
}

func findBoundary(epochs []boundary, offset int64) (int, bool) {
	return slices.BinarySearchFunc(epochs, offset, func(b boundary, offset int64) int {
		switch {
		case b.offset < offset:
			return -1
		case b.offset > offset:
			return 1
		default:
			return 0
		}
	})
}

// addBoundary puts a boundary in its place. Epochs don't fall with the offset,
// so what other streams noted stays right: those behind it that have the
// same epoch say nothing more.
func addBoundary(epochs []boundary, b boundary) []boundary {
	i, found := findBoundary(epochs, b.offset)
	if found {
		epochs[i] = b
	} else {
		epochs = slices.Insert(epochs, i, b)
	}
	for i+1 < len(epochs) && epochs[i+1].epoch == b.epoch {
		epochs = slices.Delete(epochs, i+1, i+2)
	}
	if over := len(epochs) - maxBoundaries; over > 0 {
		epochs = slices.Delete(epochs, 0, over)
	}
	return epochs
}
