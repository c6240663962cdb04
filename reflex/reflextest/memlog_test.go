package reflextest

import (
	"context"
	"io"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

var (
	errCursor = errors.New("not a cursor of this log")
	errClosed = errors.New("the stream is closed")
)

// memLog is a log in memory that can do everything the suite asks for: it
// shows that the suite can be passed. Each of its defects shows that it can be
// failed.
type memLog struct {
	defect defect
	ended  chan struct{} // closed with the test: ends what a defect leaves hanging

	mu      sync.Mutex
	entries []entry // by offset
	start   int     // the first offset that is left
	open    int     // how many entries are in open transactions
	changed chan struct{}

	shared    *memStream // for sharesStream
	closedAll bool       // for closesAll
}

type state int

const (
	committed state = iota
	open
	aborted
)

type entry struct {
	event reflex.Event
	state state
}

func newMemLog(tb testing.TB, d defect) *memLog {
	tb.Helper()
	l := &memLog{defect: d, ended: make(chan struct{}), changed: make(chan struct{})}
	tb.Cleanup(func() { close(l.ended) })
	return l
}

func memHarness(d defect) StreamHarness {
	return StreamHarness{
		New: func(tb testing.TB) Source {
			tb.Helper()
			l := newMemLog(tb, d)
			return Source{Stream: l.stream, Append: l.append, BeginTx: l.begin, Truncate: l.truncate}
		},
		Live: true, FromHead: true, ToHead: true, Lag: true, Cancel: true, Closer: true,
		IntegerIDs:         true,
		BadCursors:         []string{"x", "-1", "1.5", " 1", "999999", "99999999999999999999"},
		TimestampPrecision: time.Nanosecond,
		BinaryForeignIDs:   true, EmptyMetaData: true, Trace: true,
	}
}

func (l *memLog) append(_ context.Context, events ...reflex.Event) ([]string, error) {
	return l.add(committed, events), nil
}

func (l *memLog) add(s state, events []reflex.Event) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]string, len(events))
	for i, event := range events {
		event.ID = strconv.Itoa(len(l.entries))
		if l.defect == equalIDs {
			event.ID = "0"
		}
		event.MetaData, event.Trace = clone(event.MetaData), clone(event.Trace)
		l.mangle(&event)
		ids[i] = event.ID
		l.entries = append(l.entries, entry{event: event, state: s})
	}
	if s == open {
		l.open += len(events)
	}
	l.change()
	return ids
}

// clone keeps empty slices empty, and nil ones nil.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// mangle is what a bad codec does.
func (l *memLog) mangle(event *reflex.Event) {
	switch l.defect {
	case losesType:
		event.Type = eventType(int8(event.Type.ReflexType()))
	case trimsForeignID:
		if event.ForeignID == " " {
			event.ForeignID = ""
		}
	case cutsForeignID:
		for i := range len(event.ForeignID) {
			if event.ForeignID[i] == 0 {
				event.ForeignID = event.ForeignID[:i]
				break
			}
		}
	case cutsMetaData:
		event.MetaData = event.MetaData[:min(len(event.MetaData), 1<<16)]
	case nilIsEmpty:
		event.MetaData = append([]byte{}, event.MetaData...)
	case emptyIsNil:
		event.MetaData = append([]byte(nil), event.MetaData...)
	case roundsTimestamp:
		event.Timestamp = event.Timestamp.Round(time.Second)
	case losesTrace:
		event.Trace = nil
	case keepsNeighbour:
		if event.ForeignID == "" && len(l.entries) > 0 {
			event.ForeignID = l.entries[len(l.entries)-1].event.ForeignID
		}
	}
}

// change wakes the streams that wait; the lock must be held.
func (l *memLog) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *memLog) begin(context.Context) (Tx, error) {
	var offsets []int
	onCommit := committed
	if l.defect == dropsCommitted {
		onCommit = aborted
	}
	end := func(s state) func(context.Context) error {
		return func(context.Context) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			for _, offset := range offsets {
				l.entries[offset].state = s
			}
			l.open -= len(offsets)
			l.change()
			return nil
		}
	}
	return Tx{
		Append: func(_ context.Context, events ...reflex.Event) ([]string, error) {
			ids := l.add(open, events)
			for _, id := range ids {
				offset, err := strconv.Atoi(id)
				if err != nil {
					return nil, err
				}
				offsets = append(offsets, offset)
			}
			return ids, nil
		},
		Commit: end(onCommit),
		Abort:  end(aborted),
	}, nil
}

func (l *memLog) truncate(_ context.Context, before string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	offset, err := strconv.Atoi(before)
	if err != nil {
		return err
	}
	l.start = offset
	l.change()
	return nil
}

// stable returns the last stable offset; the lock must be held.
func (l *memLog) stable() int {
	if l.defect == readsUncommitted || l.defect == overtakesOpen {
		return len(l.entries)
	}
	if l.open == 0 {
		return len(l.entries)
	}
	return slices.IndexFunc(l.entries, func(e entry) bool { return e.state == open })
}

// stream is the reflex.StreamFunc.
func (l *memLog) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	if ctx.Err() != nil && l.defect != ignoresCancel && l.defect != opensCancelled {
		return nil, ctx.Err()
	}
	if l.defect == writesOptions {
		_ = append(opts, reflex.WithStreamLag(0))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &memStream{log: l, ctx: ctx, opts: reflex.ResolveOptions(opts...), closed: make(chan struct{})}
	if l.defect == bothIsHead && s.opts.StreamFromHead {
		s.opts.StreamToHead = false
	}
	fromHead := s.opts.StreamFromHead && l.defect != ignoresFromHead
	if l.defect == cursorOverHead && after != "" {
		fromHead = false
	}
	if l.defect == emptyHeadIsLost && fromHead && len(l.entries) == 0 {
		s.next = 1
		return s, nil
	}
	switch {
	case fromHead && l.defect == lateHead:
		s.next = -1
	case fromHead && l.defect == headIsHighWatermark:
		s.next = len(l.entries)
	case fromHead:
		s.next = l.stable()
	default:
		next, err := l.position(after)
		if err != nil {
			return nil, err
		}
		s.next = next
	}
	if l.defect == sharesStream {
		if l.shared == nil {
			l.shared = s
		}
		return l.shared, nil
	}
	s.snapshot = len(l.entries)
	return s, nil
}

// position returns the offset after a cursor; the lock must be held.
func (l *memLog) position(after string) (int, error) {
	if after == "" && l.defect == startsAfterFirst {
		return min(l.start+1, len(l.entries)), nil
	}
	if after == "" && l.defect == startsAtZero {
		return 0, l.expired(0)
	}
	if after == "" || after == "0" && l.defect == zeroIsStart {
		return l.start, nil
	}
	if l.defect == comparesText {
		for i, e := range l.entries {
			if e.event.ID > after {
				return i, nil
			}
		}
		return len(l.entries), nil
	}
	offset, err := strconv.Atoi(after)
	if err != nil || offset < 0 || offset >= len(l.entries) || strconv.Itoa(offset) != after {
		if l.defect == badIsStart {
			return l.start, nil
		}
		return 0, errCursor
	}
	next := offset + 1
	switch l.defect {
	case inclusive:
		next--
	case skipsOne:
		next++
	case refusesCut:
		return next, l.expired(offset)
	case jumpsExpired:
		return max(next, l.start), nil
	}
	return next, l.expired(next)
}

func (l *memLog) expired(next int) error {
	if next < l.start {
		return errCursor
	}
	return nil
}

// memStream is one open stream.
type memStream struct {
	log  *memLog
	ctx  context.Context
	opts reflex.StreamOptions

	closeOnce sync.Once
	closed    chan struct{}

	next     int
	snapshot int // the end of the log when the stream was opened
	ended    bool
	reused   reflex.Event
	woken    bool
}

var _ io.Closer = (*memStream)(nil)

func (s *memStream) Close() error {
	switch s.log.defect {
	case ignoresClose:
		return nil
	case closesOnce:
		close(s.closed)
		return nil
	case closeAwaits:
		<-s.ctx.Done()
	case failsClose:
		return errClosed
	case closesAll:
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		s.log.closedAll = true
		s.log.change()
	}
	s.closeOnce.Do(func() { close(s.closed) })
	return nil
}

func (s *memStream) Recv() (*reflex.Event, error) {
	for {
		event, wait, changed, err := s.look()
		if event != nil || err != nil {
			return event, err
		}
		if s.log.defect == returnsNothing {
			return nil, nil
		}
		done := s.ctx.Done()
		if s.log.defect == ignoresCancel || s.log.defect == lagIgnoresCancel && wait > 0 {
			done = nil
		}
		closed := s.closed
		if s.log.defect == closeWaits {
			closed = nil
		}
		timer := time.NewTimer(max(wait, time.Nanosecond))
		expired := timer.C
		if wait <= 0 {
			expired = nil
		}
		select {
		case <-changed:
		case <-expired:
		case <-done:
		case <-closed:
		case <-s.log.ended:
			return nil, errClosed
		}
		timer.Stop()
	}
}

// look returns the next event, or how long to wait for it, 0 being until the
// log changes.
func (s *memStream) look() (*reflex.Event, time.Duration, <-chan struct{}, error) {
	l := s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := s.over(); err != nil {
		return nil, 0, nil, err
	}
	if s.next < 0 {
		s.next = l.stable()
	}
	if s.next < l.start {
		if l.defect != jumpsOvertaken {
			return nil, 0, nil, errCursor
		}
		s.next = l.start
	}
	end := l.stable()
	if l.defect == earlyHead && s.opts.StreamToHead {
		end--
	}
	if l.defect == snapshotHead && s.opts.StreamToHead {
		end = min(end, s.snapshot)
	}
	var wait time.Duration
	for ; s.next < end; s.next++ {
		e := l.entries[s.next]
		if e.state == aborted && l.defect != deliversAborted || e.state == open && l.defect == overtakesOpen {
			continue
		}
		if wait = s.opts.Lag - time.Since(e.event.Timestamp); wait > 0 && s.opts.Lag > 0 && l.defect != ignoresLag {
			if l.defect == skipsYoung {
				continue
			}
			break
		}
		if l.defect == lagDelaysAll && s.opts.Lag > 0 {
			wait = s.opts.Lag
			break
		}
		s.next++
		if l.defect == skipsOnceWoken && s.woken || l.defect == skipsRarely && s.next == 77 {
			s.woken = false
			s.next--
			continue
		}
		return s.deliver(e.event), 0, nil, nil
	}
	if s.next >= end {
		wait = 0
	}
	s.woken = true
	if s.atHead(wait) {
		s.ended = true
		return nil, 0, nil, reflex.ErrHeadReached
	}
	return nil, wait, l.changed, nil
}

// atHead reports whether the stream ends where nothing is available; wait is
// above 0 where lag holds an event back.
func (s *memStream) atHead(wait time.Duration) bool {
	switch s.log.defect {
	case alwaysHead:
		return true
	case neverHead:
		return false
	case headOnce:
		return s.opts.StreamToHead && !s.ended
	case lagDelaysHead:
		return s.opts.StreamToHead && wait <= 0
	case emptyHasNoHead:
		return s.opts.StreamToHead && len(s.log.entries) > 0
	case headNeedsEvent:
		return s.opts.StreamToHead && (s.next == 0 || s.next != s.snapshot)
	case headIsLastOffset:
		return s.opts.StreamToHead && (s.next == 0 || s.log.entries[s.next-1].state != aborted)
	default:
		return s.opts.StreamToHead
	}
}

// over returns why the stream has ended.
func (s *memStream) over() error {
	select {
	case <-s.closed:
		if s.log.defect != deliversClosed {
			return errClosed
		}
	default:
	}
	switch {
	case s.log.closedAll:
		return errClosed
	case s.ctx.Err() == nil || s.log.defect == ignoresCancel:
		return nil
	case s.log.defect == anyCancelError:
		return errClosed
	case s.log.defect == opensCancelled && s.next < s.log.stable():
		return nil
	default:
		return s.ctx.Err()
	}
}

func (s *memStream) deliver(event reflex.Event) *reflex.Event {
	if s.log.defect == reusesMemory {
		s.reused = event
		return &s.reused
	}
	event.MetaData, event.Trace = clone(event.MetaData), clone(event.Trace)
	event.Trace = slices.Clip(event.Trace)
	return &event
}
