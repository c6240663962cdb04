package rpatterns_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/rpatterns"
)

// pollLog is what a PollFunc polls. IDs count from 1.
type pollLog struct {
	mu     sync.Mutex
	events []reflex.Event
	page   int // at most so many events a poll; 0 is all

	polls []polled
}

// polled is what a poll was asked for.
type polled struct {
	at      time.Time
	after   string
	options reflex.StreamOptions
}

func (l *pollLog) add(events ...reflex.Event) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		e = *e.Clone()
		e.ID = strconv.Itoa(len(l.events) + 1)
		ids = append(ids, e.ID)
		l.events = append(l.events, e)
	}
	return ids
}

func (l *pollLog) poll(_ context.Context, after string, opts ...reflex.StreamOption) ([]reflex.Event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.polls = append(l.polls, polled{time.Now(), after, reflex.ResolveOptions(opts...)})
	next := 0
	if after != "" {
		var err error
		if next, err = strconv.Atoi(after); err != nil {
			return nil, err
		}
	}
	if next > len(l.events) {
		return nil, errors.New("no such event")
	}
	events := l.events[next:]
	if l.page > 0 {
		events = events[:min(l.page, len(events))]
	}
	return events, nil
}

func (l *pollLog) list() []polled {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]polled(nil), l.polls...)
}

func TestPollerKeepsTheContract(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New: func(testing.TB) reflextest.Source {
			l := &pollLog{page: 2}
			poller := rpatterns.NewPoller(l.poll, rpatterns.WithPollBackoff(time.Millisecond))
			return reflextest.Source{
				Stream: poller.Stream,
				Append: func(_ context.Context, events ...reflex.Event) ([]string, error) {
					return l.add(events...), nil
				},
			}
		},
		Live:               true,
		ToHead:             true,
		Lag:                true,
		Cancel:             true,
		IntegerIDs:         true,
		BadCursors:         []string{"x", "1000"},
		TimestampPrecision: time.Nanosecond,
		BinaryForeignIDs:   true,
		EmptyMetaData:      true,
		Trace:              true,
	})
}

func openPoller(ctx context.Context, t *testing.T, f rpatterns.PollFunc, after string, opts ...reflex.StreamOption) reflex.StreamClient {
	t.Helper()
	client, err := rpatterns.NewPoller(f).Stream(ctx, after, opts...)
	require.NoError(t, err)
	return client
}

func requireRecv(t *testing.T, c reflex.StreamClient, ids ...string) {
	t.Helper()
	for _, id := range ids {
		e, err := c.Recv()
		require.NoError(t, err)
		require.Equal(t, id, e.ID)
	}
}

func TestPollerWaitsAfterAnEmptyPollOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pollLog{page: 1}
		start := time.Now()
		client := openPoller(t.Context(), t, l.poll, "")
		time.AfterFunc(90*time.Second, func() { l.add(reflex.Event{}, reflex.Event{}) })

		requireRecv(t, client, "1", "2")

		require.Equal(t, 2*time.Minute, time.Since(start))
		require.Len(t, l.list(), 4)
	})
}

func TestPollerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := openPoller(ctx, t, new(pollLog).poll, "")
		start := time.Now()

		_, err := client.Recv()

		require.Equal(t, context.DeadlineExceeded, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// The context is done, and so is the backoff, each time: a select may choose either.
func TestPollerWithoutBackoffEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	polls := 0
	poll := func(context.Context, string, ...reflex.StreamOption) ([]reflex.Event, error) {
		polls++
		if polls == 10 {
			cancel()
		}
		return nil, nil
	}
	over := make(chan time.Time)
	close(over)
	client, err := rpatterns.NewPoller(poll, rpatterns.WithPollBackoff(0),
		rpatterns.WithSleep(t, func(time.Duration) <-chan time.Time { return over })).Stream(ctx, "")
	require.NoError(t, err)

	_, err = client.Recv()

	require.Equal(t, context.Canceled, err)
	require.Equal(t, 10, polls)
}

func TestPollErrorsEndTheStreamAsTheyAre(t *testing.T) {
	client := openPoller(t.Context(), t, func(context.Context, string, ...reflex.StreamOption) ([]reflex.Event, error) {
		return nil, errRunBroken
	}, "")
	_, err := client.Recv()
	require.Same(t, errRunBroken, err)
}

// Upstream asked each poll to start at the head, so that what came while events were consumed was skipped.
func TestPollerStartsAtTheHeadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []reflex.Event
		var polls []polled
		head := 3
		add := func(n int) {
			for range n {
				events = append(events, reflex.Event{ID: strconv.Itoa(len(events) + 1)})
			}
		}
		poll := func(_ context.Context, after string, opts ...reflex.StreamOption) ([]reflex.Event, error) {
			o := reflex.ResolveOptions(opts...)
			polls = append(polls, polled{after: after, options: o})
			if len(polls) == 2 {
				add(1)
			}
			if o.StreamFromHead {
				return events[min(head, len(events)):], nil
			}
			next, err := strconv.Atoi(after)
			return events[next:], err
		}
		add(3)
		client := openPoller(t.Context(), t, poll, "1", reflex.WithStreamFromHead())

		requireRecv(t, client, "4")
		add(2)
		head = len(events) // what a start at the head would skip to
		requireRecv(t, client, "5", "6")

		fromHead := make([]bool, len(polls))
		for i, p := range polls {
			fromHead[i] = p.options.StreamFromHead
		}
		// The first poll had nothing to go on after yet.
		require.Equal(t, []bool{true, true, false}, fromHead)
	})
}

// Upstream went on polling for ever.
func TestPollerEndsAtTheHead(t *testing.T) {
	l := new(pollLog)
	l.add(reflex.Event{}, reflex.Event{})
	client := openPoller(t.Context(), t, l.poll, "", reflex.WithStreamToHead())
	requireRecv(t, client, "1", "2")
	_, err := client.Recv()
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	require.Len(t, l.list(), 2)
}

// Upstream left the lag to the function, which it doesn't oblige to anything.
func TestPollerHoldsEventsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(pollLog)
		now := time.Now()
		l.add(reflex.Event{Timestamp: now.Add(-time.Hour)}, reflex.Event{Timestamp: now}, reflex.Event{Timestamp: now.Add(time.Second)})
		client := openPoller(t.Context(), t, l.poll, "", reflex.WithStreamLag(time.Minute))

		requireRecv(t, client, "1")
		require.Equal(t, now, time.Now())
		requireRecv(t, client, "2")
		require.Equal(t, now.Add(time.Minute), time.Now())
		requireRecv(t, client, "3")
		require.Equal(t, now.Add(time.Minute+time.Second), time.Now())
	})
}

func TestPollerWaitingForTheLagEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(pollLog)
		l.add(reflex.Event{Timestamp: time.Now()})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := openPoller(ctx, t, l.poll, "", reflex.WithStreamLag(time.Minute))
		_, err := client.Recv()
		require.Equal(t, context.DeadlineExceeded, err)
	})
}

// A function whose cursor is inclusive returns the last event again and again, and one without IDs
// starts anew each time: an endless stream of the same events.
func TestPollerOfEventsThatDontFollowTheCursor(t *testing.T) {
	for name, page := range map[string][]reflex.Event{
		"the cursor itself": {{ID: "7"}},
		"no ID":             {{ID: "8"}, {ID: ""}},
	} {
		t.Run(name, func(t *testing.T) {
			client := openPoller(t.Context(), t, func(context.Context, string, ...reflex.StreamOption) ([]reflex.Event, error) {
				return page, nil
			}, "7")
			_, err := client.Recv()
			require.ErrorIs(t, err, rpatterns.ErrPollStuck)
			require.Equal(t, "7", errors.GetKeyValues(err)["cursor"])
		})
	}
}

// The page is the function's, which may keep it to serve other streams.
func TestPolledEventsAreCopies(t *testing.T) {
	l := new(pollLog)
	l.add(reflex.Event{ForeignID: "a"})
	client := openPoller(t.Context(), t, l.poll, "")
	e, err := client.Recv()
	require.NoError(t, err)
	e.ForeignID = "changed"
	require.Equal(t, "a", l.events[0].ForeignID)
}

// The options are the caller's slice, with room behind them for an append to write to.
func TestPollerLeavesTheOptionsAlone(t *testing.T) {
	l := new(pollLog)
	l.add(reflex.Event{})
	opts := make([]reflex.StreamOption, 1, 2)
	opts[0] = reflex.WithStreamFromHead()
	client := openPoller(t.Context(), t, l.poll, "", opts...)
	requireRecv(t, client, "1")
	require.Nil(t, opts[:2][1])
}
