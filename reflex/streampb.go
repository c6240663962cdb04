package reflex

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"google.golang.org/grpc/metadata"

	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// ErrClosed is returned by Recv of a stream over gRPC after Close. It has the code of kafkastream.ErrClosed.
var ErrClosed = errors.New("stream is closed", j.C("ERR_c8e20a5d917f4b36"))

// headTimeout bounds how long the opening of a stream from head waits for the server to say that it is open.
const headTimeout = time.Second

// StreamClientPB is the client's side of a stream over gRPC, as reflexpb.Reflex_StreamClient and
// any generated client that streams reflexpb.Event.
type StreamClientPB interface {
	// Recv blocks until the next event and returns it, or the error that ended the stream.
	Recv() (*reflexpb.Event, error)
}

// WrapStreamPB returns the StreamFunc of a gRPC client, whose method wrap is to call with the context
// and the request that it gets. All options go to the server.
//
// The error of wrap is returned without more text. Errors of the stream are gRPC's, and besides errors.Is knows
// them as what they tell of, also without jettison's interceptors: ErrStopped and ErrHeadReached, any other error with
// a jettison code that ended the stream of a Server of this package, and the errors of contexts.
//
// What is wrong with the request is the error of the first Recv. WithStreamToHead ends at what the server has
// found to be the head, which it looks up ahead of Recv. WithStreamFromHead begins at the head as it was when the
// StreamFunc returned, if the server says within a second that the stream is open. A Server of this package
// does, when its source was that fast. One of luno/reflex doesn't: then the stream begins at the head as it
// is when the server gets to it.
//
// An event without metadata has nil MetaData, as nil and empty are the same on the wire. One without
// a timestamp, which a Server always sends, has the zero time. Timestamps are in UTC.
//
// The stream is an io.Closer. Close ends it on both sides.
func WrapStreamPB(wrap func(context.Context, *reflexpb.StreamRequest) (StreamClientPB, error)) StreamFunc {
	return func(ctx context.Context, after string, opts ...StreamOption) (StreamClient, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		options := ResolveOptions(opts...)
		// Nothing but its context ends a gRPC stream from this side.
		streamCtx, cancel := context.WithCancel(ctx)
		client, err := wrap(streamCtx, &reflexpb.StreamRequest{After: after, Options: optsToProto(options)})
		if err != nil {
			cancel()
			return nil, fromStatus(ctx, err)
		}
		c := &clientPB{ctx: ctx, client: client, cancel: cancel}
		if options.StreamFromHead {
			c.awaitOpen(headTimeout)
		}
		return c, nil
	}
}

// clientPB is the stream of a StreamClientPB.
type clientPB struct {
	ctx    context.Context // the caller's
	client StreamClientPB
	cancel context.CancelFunc

	closed atomic.Bool
	opened chan struct{} // closed when the goroutine of awaitOpen has ended, nil if there is none
	err    error         // what ended the stream
}

var (
	_ StreamClient = (*clientPB)(nil)
	_ io.Closer    = (*clientPB)(nil)
)

// awaitOpen returns when the server said that the stream is open, or that there is none. Its goroutine ends
// with the stream, if not before, and is waited for by Close.
func (c *clientPB) awaitOpen(limit time.Duration) {
	client, ok := c.client.(interface{ Header() (metadata.MD, error) })
	if !ok {
		return
	}
	c.opened = make(chan struct{})
	go func() {
		defer close(c.opened)
		// Its error comes again from Recv.
		_, _ = client.Header()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.opened:
	case <-c.ctx.Done():
	case <-timer.C:
	}
}

func (c *clientPB) Recv() (*Event, error) {
	if c.closed.Load() {
		return nil, ErrClosed
	}
	if c.err == nil {
		// gRPC goes on with what it has received already.
		c.err = c.ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	pb, err := c.client.Recv()
	switch {
	case c.closed.Load():
		return nil, ErrClosed
	case err != nil:
		c.err = fromStatus(c.ctx, err)
	case pb == nil:
		c.err = ErrNoEvent
	default:
		return eventFromProto(pb), nil
	}
	c.cancel() // for those who don't close what has ended
	return nil, c.err
}

// Close ends the stream, also on the side of the server, and a Recv that blocks. If the StreamClientPB is an io.Closer
// it is closed, and its error returned.
func (c *clientPB) Close() error {
	c.closed.Store(true)
	c.cancel()
	if c.opened != nil {
		<-c.opened
	}
	if closer, ok := c.client.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
