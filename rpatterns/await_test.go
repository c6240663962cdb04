package rpatterns_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

var errAwaitPoll = errors.New("no rows")

// polls answers with the results in turn, then with false, and notes when it was asked.
type polls struct {
	mu      sync.Mutex
	start   time.Time
	asked   []time.Duration
	results []bool
	err     error // after the results, if not nil
}

func newPolls(results ...bool) *polls { return &polls{start: time.Now(), results: results} }

func (p *polls) poll() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, time.Since(p.start))
	if i := len(p.asked) - 1; i < len(p.results) {
		return p.results[i], nil
	}
	return false, p.err
}

func (p *polls) list() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Duration(nil), p.asked...)
}

// awaitStream opens clients that do what recv says. Without an error they then wait for their context.
type awaitStream struct {
	opened atomic.Int32
	open   atomic.Int32
	recv   func(ctx context.Context, opened int) (*reflex.Event, error)
}

func (s *awaitStream) stream(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	s.open.Add(1)
	return &awaitClient{ctx: ctx, stream: s, opened: int(s.opened.Add(1))}, nil
}

type awaitClient struct {
	ctx    context.Context
	stream *awaitStream
	opened int
}

var _ io.Closer = (*awaitClient)(nil)

func (c *awaitClient) Recv() (*reflex.Event, error) { return c.stream.recv(c.ctx, c.opened) }
func (c *awaitClient) Close() error                 { c.stream.open.Add(-1); return nil }

func waitForContext(ctx context.Context, _ int) (*reflex.Event, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAwaitAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog("old")
		p := newPolls()
		start := time.Now()
		time.AfterFunc(300*time.Millisecond, func() {
			log.appendEvents(
				&reflex.Event{ID: "1", ForeignID: "other", Type: fakeType(2)},
				&reflex.Event{ID: "2", ForeignID: "mine", Type: fakeType(1)},
				&reflex.Event{ID: "3", ForeignID: "mine"}, // a source without types
			)
		})
		time.AfterFunc(400*time.Millisecond, func() {
			log.appendEvents(&reflex.Event{ID: "4", ForeignID: "mine", Type: fakeType(2)})
		})

		err := rpatterns.Await(t.Context(), log.stream, p.poll, "mine", fakeType(3), fakeType(2))

		require.NoError(t, err)
		require.Equal(t, 400*time.Millisecond, time.Since(start))
		require.Equal(t, []time.Duration{0}, p.list())
	})
}

// Upstream's clients stayed open.
func TestAwaitClosesItsStream(t *testing.T) {
	for name, end := range map[string]func(log *fakeLog, p *polls, cancel func()){
		"event":  func(l *fakeLog, _ *polls, _ func()) { l.append("mine") },
		"poll":   func(_ *fakeLog, p *polls, _ func()) { p.mu.Lock(); p.results = []bool{false, true}; p.mu.Unlock() },
		"error":  func(_ *fakeLog, p *polls, _ func()) { p.mu.Lock(); p.err = errAwaitPoll; p.mu.Unlock() },
		"cancel": func(_ *fakeLog, _ *polls, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				log := newFakeLog()
				p := newPolls()
				time.AfterFunc(100*time.Millisecond, func() { end(log, p, cancel) })

				_ = rpatterns.Await(ctx, log.stream, p.poll, "mine")

				require.Zero(t, log.openStreams())
				require.Len(t, log.openedAfter(), 1)
			})
		})
	}
}

// Without types upstream could only be told by the poll.
func TestAwaitAnyType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog()
		time.AfterFunc(time.Millisecond, func() { log.appendEvents(&reflex.Event{ID: "1", ForeignID: "mine"}) })
		start := time.Now()
		require.NoError(t, rpatterns.Await(t.Context(), log.stream, newPolls().poll, "mine"))
		require.Equal(t, time.Millisecond, time.Since(start))
	})
}

// A broker that restarts must not end an Await that polling can still answer. Upstream returned the first error of the
// stream.
func TestAwaitSurvivesAFailingStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &awaitStream{recv: func(context.Context, int) (*reflex.Event, error) { return nil, errRunBroken }}
		p := newPolls(false, false, false, true)
		require.NoError(t, rpatterns.Await(t.Context(), s.stream, p.poll, "mine"))
		require.Greater(t, int(s.opened.Load()), 1)
		require.Zero(t, s.open.Load())
	})
}

// The stream failed, came back, and brought the event.
func TestAwaitListensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &awaitStream{recv: func(_ context.Context, opened int) (*reflex.Event, error) {
			if opened < 4 {
				return nil, errRunBroken
			}
			return &reflex.Event{ID: "1", ForeignID: "mine", Type: fakeType(1)}, nil
		}}
		start := time.Now()
		require.NoError(t, rpatterns.Await(t.Context(), s.stream, newPolls().poll, "mine", fakeType(1)))
		require.InDelta(t, 0.7, time.Since(start).Seconds(), 0.15) // 0.1 + 0.2 + 0.4
		require.Zero(t, s.open.Load())
	})
}

// What comes while the stream is not open is not seen by it. Upstream found it a second later, if it
// was lucky, for it polled while the stream was being opened.
func TestAwaitPollsWhenTheStreamIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const opening = 400 * time.Millisecond
		log := newFakeLog()
		var happened atomic.Bool
		var asked []time.Duration
		start := time.Now()
		stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			passTime(opening)
			happened.Store(true) // just before the head was found
			return log.stream(ctx, after, opts...)
		}
		poll := func() (bool, error) {
			asked = append(asked, time.Since(start))
			return happened.Load(), nil
		}

		require.NoError(t, rpatterns.Await(t.Context(), stream, poll, "mine"))

		require.Equal(t, []time.Duration{50 * time.Millisecond, opening}, asked)
	})
}

// A stream that is opened right after a poll makes it poll again, but not at once.
func TestAwaitPollsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog()
		p := newPolls(false, false, false, true)
		stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			passTime(60 * time.Millisecond)
			return log.stream(ctx, after, opts...)
		}
		require.NoError(t, rpatterns.Await(t.Context(), stream, p.poll, "mine"))
		ms := time.Millisecond
		require.Equal(t, []time.Duration{50 * ms, 150 * ms, 1150 * ms, 2150 * ms}, p.list())
	})
}

func TestAwaitErrors(t *testing.T) {
	failing := func(context.Context, int) (*reflex.Event, error) { return nil, errRunBroken }
	for _, tc := range []struct {
		name string
		recv func(context.Context, int) (*reflex.Event, error)
		err  error
	}{
		{"polling fails", waitForContext, errAwaitPoll},
		{"both fail", failing, errRunBroken},
		{"nothing is received", func(context.Context, int) (*reflex.Event, error) { return nil, nil }, reflex.ErrNoEvent},
		{
			"the stream had recovered",
			func(ctx context.Context, opened int) (*reflex.Event, error) {
				if opened == 1 {
					return nil, errRunBroken
				}
				passTime(10 * time.Millisecond)
				return &reflex.Event{ID: "1", ForeignID: "other"}, ctx.Err()
			},
			errAwaitPoll,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPolls(false)
				p.err = errAwaitPoll
				if tc.name == "the stream had recovered" {
					p.results = []bool{false, false}
				}
				s := &awaitStream{recv: tc.recv}
				require.Same(t, tc.err, rpatterns.Await(t.Context(), s.stream, p.poll, "mine"))
			})
		})
	}
}

// Upstream's poller slept on for a second.
func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := rpatterns.Await(ctx, newFakeLog().stream, newPolls().poll, "mine")
		require.Equal(t, context.DeadlineExceeded, err)
		require.Equal(t, 1500*time.Millisecond, time.Since(start))
	})
}

// The error of the stream that failed before is not why it ends.
func TestAwaitOfAFailingStreamEndsWithItsContext(t *testing.T) {
	for range 20 { // it is chance what is seen first
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			s := &awaitStream{recv: func(context.Context, int) (*reflex.Event, error) { return nil, errRunBroken }}
			require.Equal(t, context.DeadlineExceeded, rpatterns.Await(ctx, s.stream, newPolls().poll, "mine"))
		})
	}
}

func TestAwaitLooksAtItsContextFirst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newPolls(true)
	log := newFakeLog()
	require.Equal(t, context.Canceled, rpatterns.Await(ctx, log.stream, p.poll, "mine"))
	require.Empty(t, p.list())
	require.Empty(t, log.openedAfter())
}

// A client that ignores its context and its Close must not keep the answer from who waits for it.
func TestAwaitLeavesAStuckCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &awaitStream{recv: func(context.Context, int) (*reflex.Event, error) {
			<-release
			return nil, errRunBroken
		}}
		start := time.Now()
		require.NoError(t, rpatterns.Await(t.Context(), s.stream, newPolls(true).poll, "mine"))
		require.Equal(t, 100*time.Millisecond, time.Since(start))
		close(release)

		// The same of a poll, which has no context.
		releasePoll := make(chan struct{})
		log := newFakeLog()
		time.AfterFunc(time.Second, func() { log.append("mine") })
		start = time.Now()
		err := rpatterns.Await(t.Context(), log.stream, func() (bool, error) { <-releasePoll; return false, nil }, "mine")
		require.NoError(t, err)
		require.Equal(t, 1100*time.Millisecond, time.Since(start))
		close(releasePoll)
	})
}

// There are clients that only Close ends.
func TestAwaitEndsAClientByClosingIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		stream := func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return closable(closed), nil
		}
		start := time.Now()
		require.NoError(t, rpatterns.Await(t.Context(), stream, newPolls(true).poll, "mine"))
		require.Zero(t, time.Since(start))
	})
}

// closable is a client whose Recv returns when it is closed.
type closable chan struct{}

func (c closable) Recv() (*reflex.Event, error) { <-c; return nil, errRunBroken }
func (c closable) Close() error                 { close(c); return nil }
