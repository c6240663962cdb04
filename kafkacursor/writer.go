package kafkacursor

import (
	"context"
	"sync"
	"time"
)

// writer writes what is pending, one round at a time. A round takes the newest
// value of each cursor that was set since, and ends when all are written or
// failed; so values of one cursor land in the order they were set.
type writer struct {
	interval time.Duration
	// send writes the jobs, and calls finish for each. It returns when all are
	// finished.
	send func([]*job)

	wake chan struct{} // something is pending
	kick chan struct{} // and somebody waits for it
	done signal        // something was written, failed or lost

	mu    sync.Mutex // after that of a slot
	dirty []*slot
}

// retryPause is the least that passes between a failure and another attempt, unless
// somebody waits for it.
const retryPause = 50 * time.Millisecond

// job is one write of a round.
type job struct {
	*slot
	write write
	done  func(*job, error)
}

func newWriter(interval time.Duration, send func([]*job)) *writer {
	return &writer{
		interval: interval, send: send,
		wake: make(chan struct{}, 1), kick: make(chan struct{}, 1),
	}
}

// enqueue has the slot, whose lock is held, written with the next round.
func (w *writer) enqueue(sl *slot) {
	if sl.queued {
		return
	}
	sl.queued = true
	w.mu.Lock()
	w.dirty = append(w.dirty, sl)
	w.mu.Unlock()
	nudge(w.wake)
}

// run makes rounds until ctx is done.
func (w *writer) run(ctx context.Context) {
	pause := w.interval
	for {
		select {
		case <-w.kick:
		case <-w.wake:
			if !w.rest(ctx, pause) {
				return
			}
		case <-ctx.Done():
			return
		}
		pause = w.interval
		if !w.round() {
			pause = max(w.interval, retryPause)
		}
	}
}

// rest waits until the next round is due.
func (w *writer) rest(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.kick:
	case <-ctx.Done():
		return false
	}
	return true
}

// round writes what is pending and reports whether all went well.
func (w *writer) round() (ok bool) {
	var (
		mu     sync.Mutex
		failed bool
	)
	done := func(jb *job, err error) {
		w.finish(jb, err)
		mu.Lock()
		failed = failed || err != nil
		mu.Unlock()
	}
	if jobs := w.take(done); len(jobs) > 0 {
		w.send(jobs)
	}
	mu.Lock()
	defer mu.Unlock()
	return !failed
}

// take returns the newest value of each slot that is pending.
func (w *writer) take(done func(*job, error)) []*job {
	w.mu.Lock()
	dirty := w.dirty
	w.dirty = nil
	w.mu.Unlock()

	var jobs []*job
	for _, sl := range dirty {
		sl.mu.Lock()
		sl.queued = false
		if wr, ok := sl.cell.take(); ok {
			jobs = append(jobs, &job{slot: sl, write: wr, done: done})
		}
		sl.mu.Unlock()
	}
	return jobs
}

// finish ends a write. What is still pending has its next attempt in the next
// round.
func (w *writer) finish(jb *job, err error) {
	jb.mu.Lock()
	jb.cell.wrote(jb.write, err)
	if jb.cell.pending() {
		w.enqueue(jb.slot)
	}
	jb.mu.Unlock()
	w.done.change()
}

// late has somebody told that a write takes too long. It goes on.
func (w *writer) late(jb *job, err error) {
	jb.mu.Lock()
	jb.cell.fail(jb.write, err)
	jb.mu.Unlock()
	w.done.change()
}

// flush returns when what was set of the slots before is durable, or why it isn't.
func (w *writer) flush(ctx context.Context, slots []*slot) error {
	waits := make([]awaited, len(slots))
	for i, sl := range slots {
		sl.mu.Lock()
		waits[i] = sl.cell.await()
		sl.mu.Unlock()
	}
	for {
		changed := w.done.next()
		left, err := arrived(slots, waits)
		if err != nil || !left {
			return err
		}
		nudge(w.kick)
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// arrived reports whether there is still something to wait for, or which errors
// ended the wait.
func arrived(slots []*slot, waits []awaited) (left bool, err error) {
	var errs joined
	for i, sl := range slots {
		sl.mu.Lock()
		over, err := sl.cell.arrived(waits[i])
		sl.mu.Unlock()
		left = left || !over
		errs.add(err)
	}
	return left, errs.err()
}
