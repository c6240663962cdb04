package main

import (
	"context"
	"io"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// graceful returns a context for work that goes on for a while after ctx ended.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	timer := time.AfterFunc(never, cancel)
	unregister := context.AfterFunc(ctx, func() { timer.Reset(grace) })
	return work, func() {
		unregister()
		timer.Stop()
		cancel()
	}
}

// never is when a timer fires that waits to be set.
const never = 1<<63 - 1

// stopping returns a stream that ends when stop does, whatever the context of
// its consumer, which thus can finish what it has in hand.
func stopping(stop context.Context, stream reflex.StreamFunc) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		ctx, cancel := context.WithCancel(ctx)
		unregister := context.AfterFunc(stop, cancel)
		client, err := stream(ctx, after, opts...)
		if err != nil {
			unregister()
			cancel()
			return nil, err
		}
		return &stoppingClient{StreamClient: client, stop: stop, release: func() { unregister(); cancel() }}, nil
	}
}

type stoppingClient struct {
	reflex.StreamClient
	stop    context.Context //nolint:containedctx // Recv has none
	release func()
}

var (
	_ reflex.StreamClient = (*stoppingClient)(nil)
	_ io.Closer           = (*stoppingClient)(nil)
)

// Recv returns no event once it was asked to stop, not even one that is there already.
func (c *stoppingClient) Recv() (*reflex.Event, error) {
	if err := c.stop.Err(); err != nil {
		return nil, err
	}
	e, err := c.StreamClient.Recv()
	if stopped := c.stop.Err(); err != nil && stopped != nil && errors.Is(err, context.Canceled) {
		return nil, stopped
	}
	return e, err
}

// Close closes the stream.
func (c *stoppingClient) Close() error {
	defer c.release()
	if closer, ok := c.StreamClient.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
