package rpatterns

import (
	"context"
	"runtime/debug"
	"sync"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kreflex/kreflex/reflex"
)

// maxFailing is how many events attempts knows at most. There are no more in hand than are
// handled at once; the rest are left over from runs that were not gone on with here.
const maxFailing = 1024

// attempts counts how often events have failed, until they are consumed. The counts are in
// memory: a restart begins anew, which is one more try and never one less. It is safe for
// concurrent use.
type attempts struct {
	limit int // how many failures are answered with another try

	mu     sync.Mutex
	failed map[string]int // by the ID of the event
}

// exhausted notes a failure and reports whether the event has failed more often than
// the limit.
func (a *attempts) exhausted(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = make(map[string]int)
	}
	if _, known := a.failed[id]; !known && len(a.failed) >= maxFailing {
		for other := range a.failed {
			delete(a.failed, other)
			break
		}
	}
	a.failed[id]++
	return a.failed[id] > a.limit
}

// done forgets an event that is dealt with.
func (a *attempts) done(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.failed, id)
}

// isShutdown reports whether the logic failed because it was made to stop, and not because of
// the event: such an event was never tried, and must not be given up.
//
// That is when its context is done, and when the error is one that reflex.IsExpected. Only a deadline
// that can't be the context's, as that has none, is a time-out of the logic's own, and so a
// failure like any other: otherwise an event that always times out would be tried for ever.
func isShutdown(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if !reflex.IsExpected(err) {
		return false
	}
	_, deadline := ctx.Deadline()
	return deadline || !timedOut(err)
}

func timedOut(err error) bool {
	if errors.IsAny(err, context.Canceled, reflex.ErrStopped, fate.ErrTempt) {
		return false
	}
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}

// call calls fn and returns a panic of it as the *reflex.PanicError that the consumer would
// make of it further out, where a pattern doesn't see it any more.
func call(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &reflex.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn()
}
