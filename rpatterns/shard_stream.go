package rpatterns

import (
	"context"
	"io"

	"github.com/kreflex/kreflex/reflex"
)

const (
	// shardAhead is the part of it that may be ahead of the fastest. The rest is for the others: if all
	// was ahead, whoever is a little slower would fall out.
	shardAhead = 4
	// shardEventBytes is what an event takes besides its payload, roughly.
	shardEventBytes = 256
	// shardBatch is how many events a shard takes at once.
	shardBatch = 64
)

// sharedStream is one stream read for several shards. Its goroutine reads into a ring, as far as the fastest
// shard makes room, and forgets what is oldest: the slowest is not waited for.
//
// The underlying client is closed when the last shard has left, also if the stream ended before: a
// shard may still consume what is buffered, and what the source knows of the log that these events
// are of, it may forget with the last stream of it.
type sharedStream struct {
	hub     *shardHub
	start   string
	opts    []reflex.StreamOption
	options reflex.StreamOptions
	// ctx has the values of the shard that opened the stream, but ends when the last shard has left.
	ctx    context.Context
	cancel context.CancelFunc

	opened chan struct{} // closed when client or openErr is set
	done   chan struct{} // closed when the goroutine has ended
	room   chan struct{} // has an element when the fastest moved

	// All that follows is guarded by hub.mu.

	client  reflex.StreamClient // nil until it is opened, and when it is closed
	openErr error
	// readers are those that joined, with the number of the event that they take next.
	readers map[*shardClient]int64
	fastest int64 // the greatest of them, and not less than base

	// Events are numbered from 0. Those from base to next are in the ring.
	ring       []sharedEvent // of hub.bufferEvents
	base, next int64
	numbers    map[string]int64 // by ID; the first of several, as joining there repeats events and skips none
	total      int64            // bytes of all events so far

	changed chan struct{} // closed when there is more; nil if nobody waits
	ended   bool
	err     error // why it ended
}

type sharedEvent struct {
	event  *reflex.Event
	before int64 // bytes of all events before it
}

func newSharedStream(h *shardHub, opener *shardClient, after string) *sharedStream {
	ctx, cancel := context.WithCancel(context.WithoutCancel(opener.ctx))
	return &sharedStream{
		hub: h, start: after, opts: opener.opts, options: opener.options,
		ctx: ctx, cancel: cancel,
		opened:  make(chan struct{}),
		done:    make(chan struct{}),
		room:    make(chan struct{}, 1),
		readers: make(map[*shardClient]int64),
		ring:    make([]sharedEvent, h.bufferEvents),
		numbers: make(map[string]int64),
	}
}

// run is the goroutine. leave of the last reader ends it, and waits for it.
func (s *sharedStream) run() {
	defer close(s.done)
	client, err := s.openClient()
	s.hub.mu.Lock()
	if err == nil {
		s.client = client
	} else {
		s.openErr = err
		s.endLocked(err)
	}
	s.hub.mu.Unlock()
	close(s.opened)

	for err == nil {
		var e *reflex.Event
		if err = s.waitForRoom(); err != nil {
			break
		}
		if e, err = receive(client); err == nil {
			s.append(e)
		}
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.endLocked(err)
}

// openClient guards against a panic, which in this goroutine nobody else could recover from. So does receive.
func (s *sharedStream) openClient() (client reflex.StreamClient, err error) {
	defer recoverPanic(&err)
	return s.hub.open(s.ctx, s.start, s.opts...)
}

func receive(client reflex.StreamClient) (e *reflex.Event, err error) {
	defer recoverPanic(&err)
	e, err = client.Recv()
	if err == nil && e == nil {
		err = reflex.ErrNoEvent
	}
	return e, err
}

// waitForRoom returns when the fastest reader is near enough, or with the error of the context.
func (s *sharedStream) waitForRoom() error {
	for {
		s.hub.mu.Lock()
		// One event is read ahead whatever its size.
		far := s.next > s.fastest && (s.next-s.fastest >= s.hub.bufferEvents/shardAhead ||
			s.total-s.before(s.fastest) >= s.hub.bufferBytes/shardAhead)
		s.hub.mu.Unlock()
		if err := s.ctx.Err(); err != nil || !far {
			return err
		}
		select {
		case <-s.room:
		case <-s.ctx.Done():
		}
	}
}

func (s *sharedStream) append(e *reflex.Event) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.next-s.base == s.hub.bufferEvents {
		s.forget()
	}
	*s.at(s.next) = sharedEvent{event: e, before: s.total}
	if _, ok := s.numbers[e.ID]; !ok && e.ID != "" {
		s.numbers[e.ID] = s.next
	}
	s.next++
	s.total += int64(len(e.MetaData)+len(e.Trace)) + shardEventBytes
	for s.total-s.before(s.base) > s.hub.bufferBytes && s.base < s.fastest {
		s.forget()
	}
	s.wake()
}

// forget drops the oldest event.
func (s *sharedStream) forget() {
	oldest := s.at(s.base)
	if s.numbers[oldest.event.ID] == s.base {
		delete(s.numbers, oldest.event.ID)
	}
	oldest.event = nil
	s.base++
	s.fastest = max(s.fastest, s.base)
}

func (s *sharedStream) at(number int64) *sharedEvent { return &s.ring[number%s.hub.bufferEvents] }

// before returns the bytes before the event, which is in the ring or the next.
func (s *sharedStream) before(number int64) int64 {
	if number == s.next {
		return s.total
	}
	return s.at(number).before
}

func (s *sharedStream) endLocked(err error) {
	if s.ended {
		return
	}
	s.ended, s.err = true, err
	if s.hub.current == s {
		s.hub.current = nil // what comes now needs a stream that goes on
	}
	s.wake()
}

func (s *sharedStream) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// position returns the number of the event that follows the cursor, if that is known and not about to be forgotten:
// a shard that joined there would soon have to open a stream of its own again.
func (s *sharedStream) position(after string) (int64, bool) {
	pos, ok := int64(0), after == s.start && s.base == 0
	if number, known := s.numbers[after]; known {
		pos, ok = number+1, true
	}
	if !ok {
		return 0, false
	}
	near := s.next-pos <= s.hub.bufferEvents-s.hub.bufferEvents/shardAhead &&
		s.total-s.before(pos) <= s.hub.bufferBytes-s.hub.bufferBytes/shardAhead
	return pos, near
}

// add makes the client a reader.
func (s *sharedStream) add(c *shardClient, pos int64) {
	s.readers[c] = pos
	s.moved(pos)
}

func (s *sharedStream) moved(pos int64) {
	if pos <= s.fastest {
		return
	}
	s.fastest = pos
	s.makeRoom()
}

func (s *sharedStream) makeRoom() {
	select {
	case s.room <- struct{}{}:
	default:
	}
}

// take appends the events that the client takes next to events. If there are none, it returns what is closed when
// there is more. fell says that those it would have to take are forgotten.
func (s *sharedStream) take(c *shardClient, events []*reflex.Event) (taken []*reflex.Event, changed <-chan struct{}, fell bool, err error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	pos, ok := s.readers[c]
	switch {
	case !ok:
		return nil, nil, false, context.Canceled // it was closed
	case pos < s.base:
		return nil, nil, true, nil
	case pos == s.next && s.ended:
		return nil, nil, false, s.err
	case pos == s.next:
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		return nil, s.changed, false, nil
	}
	end := min(s.next, pos+shardBatch)
	for number := pos; number < end; number++ {
		events = append(events, s.at(number).event)
	}
	s.readers[c] = end
	s.moved(end)
	return events, nil, false, nil
}

// openError returns why the stream could not be opened.
func (s *sharedStream) openError() error {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.openErr
}

// leave ends the reading of the client. The last one ends the stream, and waits for that.
func (s *sharedStream) leave(c *shardClient) error {
	s.hub.mu.Lock()
	delete(s.readers, c)
	last := len(s.readers) == 0
	if last && s.hub.current == s {
		s.hub.current = nil
	}
	// If it was the fastest, the next one sets the pace.
	s.fastest = s.base
	for _, pos := range s.readers {
		s.fastest = max(s.fastest, pos)
	}
	s.makeRoom()
	s.hub.mu.Unlock()
	if !last {
		return nil
	}
	s.cancel()
	// There are clients that only Close ends.
	err := s.closeClient()
	<-s.done
	// It may have been opened in the meantime.
	if late := s.closeClient(); late != nil {
		err = late
	}
	return err
}

func (s *sharedStream) closeClient() error {
	s.hub.mu.Lock()
	client := s.client
	s.client = nil
	s.hub.mu.Unlock()
	closer, ok := client.(io.Closer)
	if !ok {
		return nil
	}
	return closer.Close()
}
