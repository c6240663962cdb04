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
	failed atomic.Pointer[failed]

	mu     sync.Mutex
	cancel context.CancelFunc // of the stream that is open, nil if there is none
}

type failed struct {
	err   error
	event *reflex.Event // nil if it is not the failure of one event
	taken atomic.Bool   // Run has it
}

// set ends the stream with err. The first error counts; later ones follow from it.
func (f *failure) set(err error) { f.setAt(nil, err) }

// setAt ends the stream with the event, again, for which the consumer must then return err from
// Consume, or its store from SetCursor: Run then says of which event the error is, and of
// which call, as if it had happened in Run. Without an event it is set.
func (f *failure) setAt(e *reflex.Event, err error) {
	if !f.failed.CompareAndSwap(nil, &failed{err: err, event: e}) {
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
	if failed := f.failed.Load(); failed != nil {
		return failed.err
	}
	return nil
}

// take returns what was set, for Run to return.
func (f *failure) take() error {
	failed := f.failed.Load()
	if failed == nil {
		return nil
	}
	failed.taken.Store(true)
	return failed.err
}

// untaken returns what was set too late for Run to have returned it.
func (f *failure) untaken() error {
	if failed := f.failed.Load(); failed != nil && !failed.taken.Load() {
		return failed.err
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
// that failure, and no event any more but the one that failed: see setAt. A stream that the failure
// keeps from being opened ends with it too. current returns the failure of the run that opens
// the stream: Run resets the consumer before, so it is that of the latest Reset.
//
// closing is called by the client's Close before stream's own client is closed, while Run's context
// is not yet cancelled by Run. It is where a pattern waits for what is in flight. The client is open until
// then, as its stream knows which log the events in flight are of, and so the cursors that are
// yet to be set. Run gives up on Close after 10 seconds, so closing must be bounded by less.
func endOnFailure(stream reflex.StreamFunc, current func() *failure, closing func() error) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		f := current()
		ctx, cancel := f.watch(ctx)
		client, err := stream(ctx, after, opts...)
		if err != nil {
			cancel()
			// What the stream says then is only that its context is done.
			if failed := f.take(); failed != nil {
				return nil, failed
			}
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
	failed := c.failure.failed.Load()
	switch {
	case failed == nil:
		return e, err
	case failed.event != nil:
		return failed.event, nil
	default:
		// Also if there is an event: it comes again in the next run.
		return nil, c.failure.take()
	}
}

func (c *watchedClient) Close() (err error) {
	defer c.cancel()
	if closer, ok := c.client.(io.Closer); ok {
		// Deferred, as it must also be closed when closing panics.
		defer func() {
			if closeErr := closer.Close(); err == nil {
				err = closeErr
			}
		}()
	}
	if c.closing == nil {
		return nil
	}
	return c.closing()
}
