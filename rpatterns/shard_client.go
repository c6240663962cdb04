package rpatterns

import (
	"context"
	"io"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// shardClient is the stream of one shard. It reads the shared stream or, where that is elsewhere, one of its own.
type shardClient struct {
	hub     *shardHub
	ctx     context.Context
	cancel  context.CancelFunc
	opts    []reflex.StreamOption
	options reflex.StreamOptions

	// For Recv only.
	last    string          // the ID of the event handed out last, or where it started
	batch   []reflex.Event  // taken from the shared stream, not yet handed out
	scratch []*reflex.Event // for take

	// mu is for what Close has to end. It is never held together with hub.mu.
	mu     sync.Mutex
	closed bool
	shared *sharedStream       // one of shared
	own    reflex.StreamClient // and own is not nil, until it is closed
}

var _ io.Closer = (*shardClient)(nil)

// start joins the shared stream, or opens one of its own.
func (c *shardClient) start() error {
	joined, err := c.join()
	if err != nil || joined {
		return err
	}
	return c.part()
}

// join joins the shared stream where this client is, if that place is known, and closes its own.
func (c *shardClient) join() (bool, error) {
	s := c.hub.join(c, c.last)
	if s == nil {
		return false, nil
	}
	// Only the first one has to wait, and those who came before it was open.
	select {
	case <-s.opened:
	case <-c.ctx.Done():
	}
	err := c.ctx.Err()
	if err == nil {
		err = s.openError()
	}
	if err != nil {
		_ = s.leave(c) // the error is why it could not be opened
		return false, err
	}
	return true, c.replace(s, nil)
}

// part opens a stream of its own and leaves the shared one. It does so in this order, so that a source
// has a stream open all the time: see sharedStream.
func (c *shardClient) part() error {
	own, err := c.hub.open(c.ctx, c.last, c.opts...)
	if err != nil {
		return err
	}
	return c.replace(nil, own)
}

// replace sets what is read, and ends what was read before.
func (c *shardClient) replace(shared *sharedStream, own reflex.StreamClient) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		_ = end(c, shared, own) // it was closed meanwhile
		return context.Canceled
	}
	oldShared, oldOwn := c.shared, c.own
	c.shared, c.own = shared, own
	c.mu.Unlock()
	// The run goes on: that what was read before doesn't close properly is not its end.
	_ = end(c, oldShared, oldOwn)
	return nil
}

func end(c *shardClient, shared *sharedStream, own reflex.StreamClient) error {
	if shared != nil {
		return shared.leave(c)
	}
	if closer, ok := own.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

func (c *shardClient) reading() (*sharedStream, reflex.StreamClient) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shared, c.own
}

// Recv returns the next event, which is this shard's own copy, except for the bytes of MetaData and Trace.
func (c *shardClient) Recv() (*reflex.Event, error) {
	for {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		if len(c.batch) > 0 {
			e := &c.batch[0]
			c.batch = c.batch[1:]
			c.last = e.ID
			return e, nil
		}
		shared, own := c.reading()
		var err error
		switch {
		case shared != nil:
			err = c.takeFrom(shared)
		case own != nil:
			var joined bool
			// Without an ID there is no knowing where it is.
			if c.last != "" {
				joined, err = c.join()
			}
			if err == nil && !joined {
				return c.recvOwn(own)
			}
		default:
			err = context.Canceled // it was closed
		}
		if err != nil {
			return nil, err
		}
	}
}

func (c *shardClient) recvOwn(own reflex.StreamClient) (*reflex.Event, error) {
	e, err := own.Recv()
	if err == nil && e != nil {
		c.last = e.ID
	}
	return e, err
}

// takeFrom waits for events of the shared stream and takes them, or leaves it if they are forgotten.
func (c *shardClient) takeFrom(shared *sharedStream) error {
	events, changed, fell, err := shared.take(c, c.scratch[:0])
	switch {
	case err != nil:
		return err
	case fell:
		return c.part()
	case changed != nil:
		select {
		case <-changed:
		case <-c.ctx.Done():
		}
		return nil
	}
	// An event is immutable, but who breaks that rule should only see it himself.
	c.batch = make([]reflex.Event, len(events))
	for i, e := range events {
		c.batch[i] = *e
	}
	c.scratch = events
	return nil
}

// Close leaves the shared stream, or closes its own. It may be called at any time, also again.
func (c *shardClient) Close() error {
	c.cancel()
	c.mu.Lock()
	c.closed = true
	shared, own := c.shared, c.own
	c.shared, c.own = nil, nil
	c.mu.Unlock()
	return end(c, shared, own)
}
