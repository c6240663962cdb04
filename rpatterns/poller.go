package rpatterns

import (
	"context"
	"slices"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

const defaultPollBackoff = time.Minute

// ErrPollStuck is returned by the stream of a Poller when an event that was polled has no ID, or
// has the ID of the cursor that was polled after: the same events would be polled for ever.
// It is a bug of the PollFunc, whose cursor is exclusive.
var ErrPollStuck = errors.New("the polled events don't come after the cursor", j.C("ERR_5d0c1f7b8a64e932"))

// PollFunc returns the events that follow the cursor, in the order of their stream, or an error. After
// is exclusive, and "" is the start. None is returned if there are none yet. It obeys its context, and
// may be called by several goroutines at once if streams are.
//
// The options are those of the stream, for a PollFunc that can do better with them:
// see Poller.Stream for what the Poller does by itself.
type PollFunc func(ctx context.Context, after string, opts ...reflex.StreamOption) ([]reflex.Event, error)

// Poller makes a stream out of an API that has to be asked for what is new, such as one with pages.
//
// The API must have an order of events that doesn't change, and IDs to go on after.
type Poller struct {
	pollFunc PollFunc
	backoff  time.Duration
	sleep    func(d time.Duration) <-chan time.Time
}

// NewPoller returns a Poller of the function. Its Stream method is a reflex.StreamFunc.
func NewPoller(pollFunc PollFunc, opts ...func(*Poller)) Poller {
	p := Poller{pollFunc: pollFunc, backoff: defaultPollBackoff, sleep: time.After}
	for _, opt := range opts {
		opt(&p)
	}
	return p
}

// WithPollBackoff sets how long to wait after a poll that returned no events. The default is a
// minute. 0 or less polls again at once, which is for a PollFunc that itself waits for events.
func WithPollBackoff(d time.Duration) func(*Poller) {
	return func(p *Poller) { p.backoff = d }
}

// WithSleep sets what is waited for between polls, for tests. The first parameter, a *testing.T or nil, is
// not used: it says that this is not for production.
func WithSleep(_ interface{ Helper() }, fn func(d time.Duration) <-chan time.Time) func(*Poller) {
	return func(p *Poller) { p.sleep = fn }
}

// Stream opens a stream of the events after the cursor. It does not poll yet, and returns no error.
//
// An error of the PollFunc, or of the context, ends the stream and is returned by Recv as it is.
// ErrPollStuck does, too. The options are passed on to the PollFunc, and in addition:
//
//   - WithStreamFromHead is passed on until the first events were polled. From then on there is an
//     event to go on after, and starting at the head again would skip those between. What the
//     head is, only the PollFunc can know.
//   - WithStreamToHead ends the stream with ErrHeadReached when a poll returns no events.
//   - WithStreamLag holds each event back until it is old enough. With WithStreamToHead, an event
//     too young is not there yet.
//
// It is safe for concurrent use; the client is for one goroutine. The client holds nothing that would
// have to be closed.
func (p Poller) Stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	return &pollClient{
		ctx:     ctx,
		poller:  p,
		options: reflex.ResolveOptions(opts...),
		opts:    slices.Clone(opts),
		cursor:  after,
	}, nil
}

// pollClient is a stream of a Poller.
type pollClient struct {
	ctx     context.Context
	poller  Poller
	options reflex.StreamOptions
	opts    []reflex.StreamOption // for the PollFunc

	polled []reflex.Event // not yet received
	cursor string         // the last event received, or where the stream began
}

func (c *pollClient) Recv() (*reflex.Event, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if len(c.polled) == 0 {
		if err := c.poll(); err != nil {
			return nil, err
		}
	}
	e := c.polled[0] // a copy, as the slice is the PollFunc's
	if err := c.untilOldEnough(&e); err != nil {
		return nil, err
	}
	c.polled = c.polled[1:]
	c.cursor = e.ID
	return &e, nil
}

// poll polls until there are events.
func (c *pollClient) poll() error {
	for {
		events, err := c.poller.pollFunc(c.ctx, c.cursor, c.opts...)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			return c.take(events)
		}
		if c.options.StreamToHead {
			return reflex.ErrHeadReached
		}
		select {
		case <-c.poller.sleep(c.poller.backoff):
		case <-c.ctx.Done():
		}
		// A backoff of nothing is always over, so that select alone might never see the context.
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
}

func (c *pollClient) take(events []reflex.Event) error {
	for i := range events {
		if id := events[i].ID; id == "" || id == c.cursor {
			return errors.Wrap(ErrPollStuck, "poll error", j.MKS{"cursor": c.cursor, "event_id": id})
		}
	}
	c.polled = events
	if c.options.StreamFromHead {
		c.options.StreamFromHead = false
		c.opts = append(c.opts, func(o *reflex.StreamOptions) { o.StreamFromHead = false })
	}
	return nil
}

func (c *pollClient) untilOldEnough(e *reflex.Event) error {
	if c.options.Lag <= 0 {
		return nil
	}
	early := c.options.Lag - time.Since(e.Timestamp)
	if early <= 0 {
		return nil
	}
	if c.options.StreamToHead {
		return reflex.ErrHeadReached
	}
	return growth.Wait(c.ctx, early)
}
