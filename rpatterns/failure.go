package rpatterns

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kreflex/kreflex/reflex"
)

// failure is what went wrong beside Run, in a goroutine that a pattern has for a run: a
// batch whose period was over, an event handled concurrently. It ends the stream
// of that run at once. Otherwise Run would learn of it with the next event, which on
// a quiet stream never comes, and what failed would never be tried again.
//
// There is one for each run, so that what is late from an earlier run can't end this one.
type failure struct {
	err atomic.Pointer[error]

	mu     sync.Mutex
	cancel context.CancelFunc // of the stream that is open, nil if there is none
}

// set ends the stream with err. The first error counts; later ones follow from it.
func (f *failure) set(err error) {
	if !f.err.CompareAndSwap(nil, &err) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancel != nil {
		f.cancel()
	}
}

// get returns what was set, nil if nothing was.
func (f *failure) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

// watch returns a context for the stream, which set ends.
func (f *failure) watch(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel = cancel
	if f.get() != nil {
		cancel() // it was faster than the stream
	}
	return ctx, cancel
}

// endOnFailure returns stream with clients that end when the run has failed. Their Recv then returns
// that failure, and no event any more. current returns the failure of the run that opens
// the stream: Run resets the consumer before, so it is that of the latest Reset.
//
// closing is called by the client's Close after stream's own client is closed, while Run's context
// is not yet cancelled by Run. It is where a pattern waits for what is in flight. Run gives up on Close
// after 10 seconds, so closing must be bounded by less.
func endOnFailure(stream reflex.StreamFunc, current func() *failure, closing func() error) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		f := current()
		ctx, cancel := f.watch(ctx)
		client, err := stream(ctx, after, opts...)
		if err != nil {
			cancel()
			return nil, err
		}
		return &watchedClient{client: client, failure: f, cancel: cancel, closing: closing}, nil
	}
}

// watchedClient is a StreamClient that ends with the failure of its run.
type watchedClient struct {
	client  reflex.StreamClient
	failure *failure
	cancel  context.CancelFunc
	closing func() error
}

var _ io.Closer = (*watchedClient)(nil)

func (c *watchedClient) Recv() (*reflex.Event, error) {
	e, err := c.client.Recv()
	// Also if there is an event: it comes again in the next run.
	if failed := c.failure.get(); failed != nil {
		return nil, failed
	}
	return e, err
}

func (c *watchedClient) Close() error {
	defer c.cancel()
	var err error
	if closer, ok := c.client.(io.Closer); ok {
		err = closer.Close()
	}
	if c.closing == nil {
		return err
	}
	if closingErr := c.closing(); closingErr != nil {
		return closingErr
	}
	return err
}
