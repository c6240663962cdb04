package kafkarun

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// progress is how far a lane has got. It is noted with each event, so it has neither a lock nor a look at the clock:
// since when an event is in hand the session's watch finds out, to the second.
type progress struct {
	cursor    atomic.Int64 // offset of the last event whose cursor was set; -1 before the first, unknown before GetCursor
	delivered atomic.Int64 // offset of the last event that was given to the consumer
	timestamp atomic.Int64 // of that event, in milliseconds
	advanced  atomic.Bool  // since the last failure
	stream    atomic.Pointer[kafkastream.Progresser]
}

// unknown is an offset that isn't known.
const unknown = -2

func (p *progress) reset() {
	p.cursor.Store(unknown)
	p.delivered.Store(unknown)
}

// resume notes the cursor to go on from.
func (p *progress) resume(cursor string) {
	offset := int64(-1)
	if cursor != "" {
		parsed, err := kafkastream.ParseCursor(cursor)
		if err != nil {
			return // as the stream will say
		}
		offset = parsed.Offset
	}
	p.cursor.Store(offset)
	p.delivered.Store(offset)
}

// open notes the stream, which may have been told to begin elsewhere than after the cursor.
func (p *progress) open(stream kafkastream.Progresser) {
	p.stream.Store(&stream)
	if begin := stream.Progress().Event; begin > p.cursor.Load() {
		p.cursor.Store(begin)
		p.delivered.Store(begin)
	}
}

// deliver notes that the event is in hand.
func (p *progress) deliver(e *reflex.Event) {
	if offset, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
		p.timestamp.Store(e.Timestamp.UnixMilli())
		p.delivered.Store(offset)
	}
}

// consumed notes that the cursor was set.
func (p *progress) consumed(cursor string) {
	if offset, err := strconv.ParseInt(cursor, 10, 64); err == nil {
		p.cursor.Store(offset)
		if !p.advanced.Load() {
			p.advanced.Store(true)
		}
	}
}

// takeProgress reports whether an event was consumed since it was asked last.
func (p *progress) takeProgress() bool { return p.advanced.Swap(false) }

// next returns the offset that is to be consumed next, or unknown. It is behind what is no event, if all events
// before that are consumed: a lag that is counted from it comes to 0.
func (p *progress) next() int64 {
	var read kafkastream.Progress
	stream := p.stream.Load()
	if stream != nil {
		read = (*stream).Progress() // before the cursor, which may only be further by now
	}
	cursor := p.cursor.Load()
	switch {
	case cursor == unknown:
		return unknown
	case stream != nil && cursor >= read.Event:
		return max(cursor+1, read.Next)
	default:
		return cursor + 1
	}
}

// inHand returns the event that was given out and isn't consumed, if there is one.
func (p *progress) inHand() (offset int64, timestamp time.Time, ok bool) {
	offset = p.delivered.Load()
	if offset == unknown || offset <= p.cursor.Load() {
		return 0, time.Time{}, false
	}
	return offset, time.UnixMilli(p.timestamp.Load()), true
}

// latest returns what the stream last heard of its log, if there was one.
func (p *progress) latest() (kafkastream.Progress, bool) {
	stream := p.stream.Load()
	if stream == nil {
		return kafkastream.Progress{}, false
	}
	return (*stream).Progress(), true
}
