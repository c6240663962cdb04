package rpatterns

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// open gives the run to a Run, which then is the one to close it.
func (r *inflight) open() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened {
		return errRunTwice(r.consumer.Name())
	}
	if r.halted {
		return reflex.ErrStopped
	}
	r.opened = true
	return nil
}

func errRunTwice(consumer string) error {
	return errors.Wrap(ErrInFlight, fmt.Sprintf("consumer %q is run twice at once", consumer), j.KV("consumer", consumer))
}

func (r *inflight) isOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// close ends the run for its Run. It returns what went wrong too late for Run to return it otherwise.
func (r *inflight) close() error {
	r.stop()
	// Run's context may be done. The wait has a bound of its own.
	if err := r.await(context.Background()); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unflushed = true
		return err
	}
	if err := r.cursor.err; err != nil {
		return err
	}
	if err := r.failure.untaken(); err != nil && !reflex.IsExpected(err) {
		return err
	}
	return nil
}

// end ends the run without its Run. If it has one, that ends with ErrStopped; if it has none, what was added is
// handled, as nobody would add it again.
func (r *inflight) end(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, inFlightTimeout)
	defer cancel()
	if r.isOpen() {
		r.interrupt()
	} else {
		r.drain(bounded)
		r.stop()
	}
	return r.awaitWithin(ctx, bounded)
}

// settle waits until nothing of the run is in flight and its cursor is set. Without that the next run
// would begin before it, and handle the same events at the same time.
func (r *inflight) settle(ctx context.Context) error {
	wait := r.end
	if r.isOpen() {
		wait = r.await // its Run ends it
	}
	if err := wait(ctx); err != nil {
		return err
	}
	return r.flush(ctx)
}

// interrupt ends the run although its Run goes on.
func (r *inflight) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.halted {
		r.fail(nil, reflex.ErrStopped)
	}
}

// await waits until nothing is in flight and the cursor is set.
func (r *inflight) await(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, inFlightTimeout)
	defer cancel()
	return r.awaitWithin(ctx, bounded)
}

// awaitWithin is await until bounded is done, which ends when ctx does or the time is over.
func (r *inflight) awaitWithin(ctx, bounded context.Context) error {
	select {
	case <-r.cursor.ended: // also if the context is done
		return nil
	default:
	}
	select {
	case <-r.cursor.ended:
		return nil
	case <-bounded.Done():
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.stillInFlight()
}

func (r *inflight) stillInFlight() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := r.consumer.Name()
	keys := j.MKV{"consumer": name, "handlers": r.workers, "mark": r.window.mark}
	what := fmt.Sprintf("%d handlers have not returned", r.workers)
	switch {
	case !r.halted:
		what = "another Run of it goes on"
	case r.workers == 0:
		what = "its store has not returned from SetCursor"
	}
	return errors.Wrap(ErrInFlight, fmt.Sprintf("consumer %q: %s within %s", name, what, inFlightTimeout), keys)
}

// flush flushes if a cursor may have been set after Run's Flush, or without a Run. It must have ended.
func (r *inflight) flush(ctx context.Context) error {
	if !r.takeUnflushed() {
		return nil
	}
	if err := r.cursor.err; err != nil {
		return err // Once: only work is repeated for it.
	}
	ctx, cancel := context.WithTimeout(ctx, inFlightTimeout)
	defer cancel()
	if err := r.cursor.store.Flush(ctx); err != nil {
		return errors.Wrap(err, "flush error")
	}
	return nil
}

func (r *inflight) takeUnflushed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	unflushed := r.unflushed || !r.opened && r.window.moved
	r.unflushed, r.window.moved = false, false
	return unflushed
}
