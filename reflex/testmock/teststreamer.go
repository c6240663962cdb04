package testmock

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// TestStreamer is a log of events in memory, for tests. It is safe for concurrent use.
type TestStreamer interface {
	// InsertEvent appends the event. It needs an ID, and one of its own, as that is what cursors name. If IDs are
	// integers they should grow. Streams that wait for it get it at once.
	InsertEvent(r reflex.Event)

	// StreamFunc returns the stream of the log. It honours all options and obeys its context.
	//
	// A cursor is the ID of an event in the log, or an integer: then events whose ID is an integer
	// that is not above it were consumed, also those that are inserted later. What follows @ in a cursor, as in those of
	// kafkacursor, may be there. Any other cursor is ErrUnknownCursor.
	//
	// Each event that Recv returns is a copy. The stream is an io.Closer.
	StreamFunc() reflex.StreamFunc

	// Stop ends all streams, also those that are opened later, with context.Canceled. It is called at the end of the
	// test, and may be called again.
	Stop()
}

// ErrUnknownCursor is returned by the stream of a TestStreamer for a cursor that it can't tell the place of.
var ErrUnknownCursor = errors.New("cursor is neither the ID of an event in the log nor an integer", j.C("ERR_47c4d0447b10750c"))

// NewTestStreamer returns an empty log, which is stopped at the end of the test.
func NewTestStreamer(tb testing.TB) TestStreamer {
	tb.Helper()
	s := &testStreamer{stopped: make(chan struct{}), changed: make(chan struct{})}
	tb.Cleanup(s.Stop)
	return s
}

type testStreamer struct {
	stopOnce sync.Once
	stopped  chan struct{}

	mu      sync.Mutex
	log     []*reflex.Event // which never change
	changed chan struct{}   // closed at the next insertion
}

var _ TestStreamer = (*testStreamer)(nil)

func (s *testStreamer) Stop() { s.stopOnce.Do(func() { close(s.stopped) }) }

func (s *testStreamer) InsertEvent(r reflex.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Clone())
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *testStreamer) StreamFunc() reflex.StreamFunc { return s.stream }

func (s *testStreamer) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &testClient{streamer: s, ctx: ctx, opts: reflex.ResolveOptions(opts...), closed: make(chan struct{})}
	if c.opts.StreamFromHead {
		c.next = len(s.log)
		return c, nil
	}
	if after == "" {
		return c, nil
	}
	id, _, _ := strings.Cut(after, "@")
	// Of several events with the ID the first counts, so that none is skipped.
	if i := slices.IndexFunc(s.log, func(e *reflex.Event) bool { return e.ID == after || e.ID == id }); i >= 0 {
		c.next = i + 1
		return c, nil
	}
	consumed, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, errors.Wrap(ErrUnknownCursor, "stream", j.MKV{"cursor": after, "events": len(s.log)})
	}
	c.consumed = &consumed
	return c, nil
}

// testClient is one open stream.
type testClient struct {
	streamer *testStreamer
	ctx      context.Context
	opts     reflex.StreamOptions

	closeOnce sync.Once
	closed    chan struct{}

	next     int    // the index of the next event in the log
	consumed *int64 // the integer up to which events were consumed, if the cursor names none in the log
}

var (
	_ reflex.StreamClient = (*testClient)(nil)
	_ io.Closer           = (*testClient)(nil)
)

func (c *testClient) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return nil
}

func (c *testClient) Recv() (*reflex.Event, error) {
	for {
		if err := c.ended(); err != nil {
			return nil, err
		}
		e, wait, changed := c.look()
		if e != nil {
			return e, nil
		}
		if c.opts.StreamToHead {
			return nil, errors.Wrap(reflex.ErrHeadReached, "")
		}
		c.await(wait, changed)
	}
}

// ended returns why the stream has ended, nil if it has not.
func (c *testClient) ended() error {
	select {
	case <-c.closed:
		return reflex.ErrClosed
	case <-c.streamer.stopped:
		return context.Canceled
	default:
		return c.ctx.Err()
	}
}

// look returns the next event if it is available. If it isn't, it returns when it is old enough, 0 if there is none, and
// what is closed when there are more.
func (c *testClient) look() (*reflex.Event, time.Duration, <-chan struct{}) {
	s := c.streamer
	s.mu.Lock()
	defer s.mu.Unlock()
	for c.next < len(s.log) && c.wasConsumed(s.log[c.next]) {
		c.next++
	}
	if c.next == len(s.log) {
		return nil, 0, s.changed
	}
	e := s.log[c.next]
	if wait := c.opts.Lag - time.Since(e.Timestamp); c.opts.Lag > 0 && wait > 0 {
		return nil, wait, s.changed
	}
	c.next++
	return e.Clone(), 0, nil
}

func (c *testClient) wasConsumed(e *reflex.Event) bool {
	return c.consumed != nil && e.IsIDInt() && e.IDInt() <= *c.consumed
}

// await returns after the time, if there is one, when the log has changed, or when the stream has ended.
func (c *testClient) await(wait time.Duration, changed <-chan struct{}) {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-changed:
	case <-c.closed:
	case <-c.streamer.stopped:
	case <-c.ctx.Done():
	}
}
