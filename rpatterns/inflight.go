package rpatterns

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// inflight is the events of one run that are with handlers or wait for one. Run's goroutine adds
// them, workers take the oldest that may be handled, and the mark goes to the cursor writer.
//
// A worker is a goroutine that handles one event after the other. It is started
// when there is more to do than workers, up to the limit, and ends with the run. There is
// neither a goroutine nor a channel send per event: a worker that finds work doesn't
// sleep, and who has woken one leaves it to that one to wake the next.
type inflight struct {
	consumer reflex.Consumer
	key      func(*reflex.Event) string // nil: no event has to wait for another
	limit    int                        // of workers
	failure  failure

	mu     sync.Mutex
	window window[task]
	// newest is the newest event of each key in the window that is not done.
	newest map[string]uint64
	// Those that may be handled are the fresh, of no key that is in flight, from number scan on, and those
	// whose turn of their key it is, ascending.
	scan  uint64
	fresh int
	turns []uint64

	workers int
	idle    []*worker
	waking  bool // one was woken or started, and has not looked yet
	halted  bool // nothing is begun any more

	blocked int           // adders that wait for room
	room    chan struct{} // wakes one of them
	halt    chan struct{} // closed when halted
	drained chan struct{} // closed when the window is empty, if somebody waits for that

	opened    bool // a Run has it, and will close it
	unflushed bool // cursors may have been set after Run's Flush

	cursor cursorWriter
}

// task is an event in the window.
type task struct {
	ctx   context.Context
	event *reflex.Event
	key   string
	next  uint64 // the event of the same key after this one, 0 if there is none
	waits bool   // for the one of the same key before it
}

type worker struct {
	wake chan struct{}
	n    uint64 // the event in hand, 0 if there is none
}

// errGoexit is what a handler leaves behind that ends its goroutine, as FailNow of a test does.
var errGoexit = errors.New("handler ended its goroutine", j.C("ERR_6d1f0b94e7a3c258"))

// newInflight returns a run of which no event is in flight. ctx is Run's; only its values count.
func newInflight(ctx context.Context, store reflex.CursorStore, consumer reflex.Consumer,
	key func(*reflex.Event) string, limits limits,
) *inflight {
	r := &inflight{
		consumer: consumer,
		cursor:   newCursorWriter(ctx, store, consumer.Name()),
		key:      key,
		limit:    limits.inFlight,
		window:   newWindow[task](limits.window),
		scan:     1,
		room:     make(chan struct{}, 1),
		halt:     make(chan struct{}),
	}
	if key != nil {
		r.newest = make(map[string]uint64)
	}
	return r
}

// add hands the event over, and returns when there is room for it. The error is the failure of
// the run, or that of a ctx that is done before.
func (r *inflight) add(ctx context.Context, e *reflex.Event) error {
	// What comes after a failure may be the event that failed, again.
	if r.failure.get() != nil {
		return r.whyHalted()
	}
	var key string
	if r.key != nil {
		key = r.key(e)
	}
	r.mu.Lock()
	for r.window.room() <= 0 && !r.halted {
		if err := r.waitForRoom(ctx); err != nil {
			r.mu.Unlock()
			return err
		}
	}
	if r.halted {
		r.mu.Unlock()
		return r.whyHalted()
	}
	//nolint:contextcheck // The context of an event is not the one to set cursors with.
	r.cursor.start(r)

	t := task{ctx: ctx, event: e, key: key}
	n := r.window.next
	if r.key != nil {
		before := r.newest[key]
		r.newest[key] = n
		if before != 0 {
			r.window.value(before).next = n
			t.waits = true
		}
	}
	r.window.add(e.ID, t)
	if !t.waits {
		r.fresh++
	}
	r.wakeOne() // unlocks
	return nil
}

// waitForRoom waits until there may be room. It is called, and returns, with the lock held.
func (r *inflight) waitForRoom(ctx context.Context) error {
	r.blocked++
	r.mu.Unlock()
	var err error
	select {
	case <-r.room:
	case <-r.halt:
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.mu.Lock()
	r.blocked--
	r.giveRoom() // to the next, as room wakes one only
	return err
}

// giveRoom wakes one that waits for room. One that is woken for each event that is done would only
// go to sleep again after the next, so a worker must have none, or a quarter of the window be free. The
// lock is held.
func (r *inflight) giveRoom() {
	if r.blocked == 0 || r.window.room() <= 0 {
		return
	}
	if r.window.room() < r.window.limit/4 && r.ready() > 0 {
		return
	}
	select {
	case r.room <- struct{}{}:
	default:
	}
}

// ready returns how many events may be handled.
func (r *inflight) ready() int { return r.fresh + len(r.turns) }

// wakeOne makes one more worker look for work, if there is any and nobody is about to look, and
// unlocks.
func (r *inflight) wakeOne() {
	if r.waking || r.ready() == 0 || r.halted {
		r.mu.Unlock()
		return
	}
	if last := len(r.idle) - 1; last >= 0 {
		w := r.idle[last]
		r.idle = r.idle[:last]
		r.waking = true
		r.mu.Unlock()
		w.wake <- struct{}{}
		return
	}
	if r.workers == r.limit {
		r.mu.Unlock()
		return
	}
	r.workers++
	r.waking = true
	r.mu.Unlock()
	go r.work(&worker{wake: make(chan struct{}, 1)})
}

// work handles events until the run is halted.
func (r *inflight) work(w *worker) {
	defer r.leave(w)
	r.mu.Lock()
	r.waking = false
	for {
		n := r.take(w)
		if n == 0 {
			r.mu.Unlock()
			return
		}
		w.n = n
		// Copied: the window may grow meanwhile.
		t := *r.window.value(n)
		r.wakeOne() // unlocks

		err := r.handle(t)

		r.mu.Lock()
		w.n = 0
		r.finish(n, err)
	}
}

// take returns the oldest event that may be handled, and waits for one. It returns 0 when the run
// is halted. It is called, and returns, with the lock held.
func (r *inflight) take(w *worker) uint64 {
	for !r.halted {
		if r.fresh > 0 {
			// Only those that wait for others are passed over. They get their turn.
			for r.passed(r.scan) {
				r.scan++
			}
		}
		switch {
		case len(r.turns) > 0 && (r.fresh == 0 || r.turns[0] < r.scan):
			n := r.turns[0]
			r.turns = slices.Delete(r.turns, 0, 1)
			return n
		case r.fresh > 0:
			n := r.scan
			r.scan++
			r.fresh--
			return n
		}
		r.giveRoom() // it would be for this worker
		r.idle = append(r.idle, w)
		r.mu.Unlock()
		<-w.wake
		r.mu.Lock()
		r.waking = false
	}
	return 0
}

// passed reports whether the event is not fresh. What is no longer in the window is done.
func (r *inflight) passed(n uint64) bool {
	t := r.window.value(n)
	return t == nil || t.waits || t.event == nil
}

// handle runs the handler. A panic becomes an error: nobody else could recover from it.
func (r *inflight) handle(t task) (err error) {
	// What was not begun before the end of its context comes again in the next run.
	if err := t.ctx.Err(); err != nil {
		return err
	}
	defer recoverTo(&err)
	return r.consumer.Consume(t.ctx, t.event)
}

// finish notes that the event is done, or that it failed. The lock is held.
func (r *inflight) finish(n uint64, err error) {
	t := r.window.value(n)
	if err != nil {
		r.fail(t.event, errors.Wrap(err, "", j.KV("error_event_id", t.event.ID)))
		return
	}
	if r.key != nil {
		if t.next == 0 {
			delete(r.newest, t.key)
		} else {
			i, _ := slices.BinarySearch(r.turns, t.next)
			r.turns = slices.Insert(r.turns, i, t.next)
		}
	}
	if !r.window.done(n) {
		return
	}
	r.cursor.signal()
	r.giveRoom()
	if r.drained != nil && r.window.len() == 0 {
		close(r.drained)
		r.drained = nil
	}
}

// leave is the end of a worker, also of one whose handler ended the goroutine.
func (r *inflight) leave(w *worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.n != 0 {
		r.finish(w.n, errGoexit)
	}
	r.workers--
	r.maybeIdle()
}

// fail halts the run with err, of the event if it is of one. The lock is held.
func (r *inflight) fail(e *reflex.Event, err error) {
	r.failure.setAt(e, err)
	r.haltLocked()
}

// stop halts the run: what is with a handler is finished, and nothing else is begun.
func (r *inflight) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.haltLocked()
}

func (r *inflight) haltLocked() {
	if r.halted {
		return
	}
	r.halted = true
	close(r.halt)
	for _, w := range r.idle {
		w.wake <- struct{}{} // never blocks: one that is idle was not woken
	}
	r.idle = nil
	r.maybeIdle()
}

// maybeIdle tells the writer of cursors when there is nothing more to come.
func (r *inflight) maybeIdle() {
	if r.halted && r.workers == 0 {
		r.cursor.finish()
	}
}

// whyHalted returns the failure of the run, or that it was stopped.
func (r *inflight) whyHalted() error {
	if failed := r.failure.take(); failed != nil {
		return failed
	}
	return reflex.ErrStopped
}

// drain waits until all that was added is done, the run has failed, or ctx is done.
func (r *inflight) drain(ctx context.Context) {
	r.mu.Lock()
	if r.window.len() == 0 || r.halted {
		r.mu.Unlock()
		return
	}
	if r.drained == nil {
		r.drained = make(chan struct{})
	}
	drained := r.drained
	r.mu.Unlock()
	select {
	case <-drained:
	case <-r.halt:
	case <-ctx.Done():
	}
}

// recoverTo turns a panic into an error. It must be deferred itself.
func recoverTo(err *error) {
	if v := recover(); v != nil {
		*err = &reflex.PanicError{Value: v, Stack: debug.Stack()}
	}
}
