package rpatterns

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// drainer makes contexts that end some time after others.
//
// All events of a run have the same Done channel, that of the run, and so they can share what ends
// later: an event costs no timer, no goroutine, and no registration with the run's context.
type drainer struct {
	d      time.Duration
	latest atomic.Pointer[drainRun] // saves the look-up for all events but the first

	mu   sync.Mutex
	runs map[<-chan struct{}]*drainRun // by the Done channel of the run, until it is closed
}

// drainRun is what the events of one run have in common.
type drainRun struct {
	done  <-chan struct{} // of the run
	d     time.Duration
	ctx   context.Context // ends d after the run; has no values
	ended context.CancelCauseFunc
}

func newDrainer(d time.Duration) *drainer {
	return &drainer{d: d, runs: make(map[<-chan struct{}]*drainRun)}
}

// context returns a context with the values of ctx that ends d later.
func (r *drainer) context(ctx context.Context) context.Context {
	done := ctx.Done()
	if done == nil || r.d <= 0 {
		return ctx
	}
	run := r.latest.Load()
	if run == nil || run.done != done {
		run = r.run(ctx, done)
		r.latest.Store(run)
	}
	return &drainContext{values: ctx, run: run}
}

func (r *drainer) run(ctx context.Context, done <-chan struct{}) *drainRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run, ok := r.runs[done]; ok {
		return run
	}
	run := newDrainRun(done, r.d)
	r.runs[done] = run
	// Every run's context is done in the end, as Run cancels it. So nothing of it stays.
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		delete(r.runs, done)
		r.mu.Unlock()
		time.AfterFunc(r.d, func() { run.ended(ErrDrainTimeout) })
	})
	return run
}

// newDrainRun makes a context that nothing but its own end ends: whatever the run's context is, its
// values come from that of each event, and its end is later.
func newDrainRun(done <-chan struct{}, d time.Duration) *drainRun {
	ctx, ended := context.WithCancelCause(context.Background())
	return &drainRun{done: done, d: d, ctx: ctx, ended: ended}
}

// drainContext is the context of one event.
type drainContext struct {
	values context.Context
	run    *drainRun
}

var _ context.Context = (*drainContext)(nil)

// Deadline is later, too.
func (c *drainContext) Deadline() (time.Time, bool) {
	deadline, ok := c.values.Deadline()
	if !ok {
		return time.Time{}, false
	}
	return deadline.Add(c.run.d), true
}

func (c *drainContext) Done() <-chan struct{} { return c.run.ctx.Done() }
func (c *drainContext) Err() error            { return c.run.ctx.Err() }

func (c *drainContext) Value(key any) any {
	// With a key of this type package context asks for the parent that a child is attached to, and for the cause. It must find
	// ours, or each context.WithTimeout in a handler would cost a goroutine.
	if _, ok := key.(*int); ok {
		if v := c.run.ctx.Value(key); v != nil {
			return v
		}
	}
	return c.values.Value(key)
}
