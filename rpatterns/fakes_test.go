package rpatterns_test

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// fakeLog is a log in memory. Its cursors are the IDs of its events, whatever they are.
type fakeLog struct {
	mu      sync.Mutex
	events  []*reflex.Event
	changed chan struct{}
	opened  []string // the cursors that streams were opened after
	open    int      // streams that are not closed
}

func newFakeLog(ids ...string) *fakeLog {
	l := &fakeLog{changed: make(chan struct{})}
	l.append(ids...)
	return l
}

// append adds events of type 1, whose foreign ID is their ID.
func (l *fakeLog) append(ids ...string) {
	events := make([]*reflex.Event, len(ids))
	for i, id := range ids {
		events[i] = &reflex.Event{ID: id, ForeignID: id, Type: fakeType(1)}
	}
	l.appendEvents(events...)
}

func (l *fakeLog) appendEvents(events ...*reflex.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, events...)
	close(l.changed)
	l.changed = make(chan struct{})
}

// openedAfter returns the cursors that streams were opened after.
func (l *fakeLog) openedAfter() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.opened)
}

// openStreams returns how many streams are not closed.
func (l *fakeLog) openStreams() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// stream is a StreamFunc that knows the head and obeys its context.
func (l *fakeLog) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	options := reflex.ResolveOptions(opts...)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = append(l.opened, after)
	l.open++
	next := 0
	switch {
	case options.StreamFromHead:
		next = len(l.events)
	case after != "":
		next = slices.IndexFunc(l.events, func(e *reflex.Event) bool { return e.ID == after }) + 1
	}
	return &fakeClient{ctx: ctx, log: l, next: next, toHead: options.StreamToHead}, nil
}

type fakeClient struct {
	ctx    context.Context
	log    *fakeLog
	next   int
	toHead bool
	closed bool
}

var _ io.Closer = (*fakeClient)(nil)

func (c *fakeClient) Recv() (*reflex.Event, error) {
	for {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		e, changed := c.log.at(c.next)
		if e != nil {
			c.next++
			return e, nil
		}
		if c.toHead {
			return nil, reflex.ErrHeadReached
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
	}
}

func (c *fakeClient) Close() error {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.log.open--
	}
	return nil
}

// at returns a copy of the event, or what is closed when there may be one.
func (l *fakeLog) at(i int) (*reflex.Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= len(l.events) {
		return nil, l.changed
	}
	e := *l.events[i]
	return &e, nil
}

type fakeType int

func (t fakeType) ReflexType() int { return int(t) }

// fakeStore records what is asked of a store, and obeys contexts as a store over a network does.
type fakeStore struct {
	reflex.CursorStore

	mu      sync.Mutex
	calls   []string // "get", "set 7", "flush"
	flushed string   // what was set last before a flush
	last    string
}

func newFakeStore(opts ...rpatterns.MemOpt) *fakeStore {
	return &fakeStore{CursorStore: rpatterns.MemCursorStore(opts...)}
}

func (s *fakeStore) GetCursor(ctx context.Context, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.note("get")
	return s.CursorStore.GetCursor(ctx, name)
}

func (s *fakeStore) SetCursor(ctx context.Context, name, cursor string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.note("set " + cursor)
	s.mu.Lock()
	s.last = cursor
	s.mu.Unlock()
	return s.CursorStore.SetCursor(ctx, name, cursor)
}

func (s *fakeStore) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.note("flush")
	s.mu.Lock()
	s.flushed = s.last
	s.mu.Unlock()
	return s.CursorStore.Flush(ctx)
}

func (s *fakeStore) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// recorded returns the calls so far.
func (s *fakeStore) recorded() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// durable returns the cursor that a flush has kept: what a store that buffers has after a crash.
func (s *fakeStore) durable() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushed
}
