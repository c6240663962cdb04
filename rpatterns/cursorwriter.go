package rpatterns

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

const (
	// cursorPause is the least time between two cursors: the mark moves with each event.
	cursorPause = 10 * time.Millisecond
	// cursorTimeout bounds one SetCursor.
	cursorTimeout = 5 * time.Second
)

// cursorWriter sets the cursor of one run to its mark, from one goroutine, so that two cursors are never
// set at once or in the wrong order, and no handler waits for a store.
type cursorWriter struct {
	ctx   context.Context // has no end
	store reflex.CursorStore
	name  string

	// Of the lock of the run:
	started  bool
	finished bool
	dirty    bool // the mark has moved since it was last taken

	news  chan struct{} // has one when dirty
	last  chan struct{} // closed when the mark will not move any more
	ended chan struct{} // closed when the last cursor is set
	err   error         // of the last cursor; read it when ended
}

func newCursorWriter(ctx context.Context, store reflex.CursorStore, name string) cursorWriter {
	return cursorWriter{
		ctx:   context.WithoutCancel(ctx),
		store: store,
		name:  name,
		news:  make(chan struct{}, 1),
		last:  make(chan struct{}),
		ended: make(chan struct{}),
	}
}

// start starts the goroutine with the first event. A run that ends before needs none, and if its
// stream could not be opened, there is nobody to end it. The run's lock is held.
func (c *cursorWriter) start(r *inflight) {
	if !c.started {
		c.started = true
		go c.write(r)
	}
}

// signal notes that the mark has moved. The run's lock is held.
func (c *cursorWriter) signal() {
	if c.dirty {
		return
	}
	c.dirty = true
	select {
	case c.news <- struct{}{}:
	default: // that of a mark that was taken meanwhile
	}
}

// finish notes that the mark will not move any more. The run's lock is held.
func (c *cursorWriter) finish() {
	if c.finished {
		return
	}
	c.finished = true
	close(c.last)
	if !c.started {
		c.started = true
		close(c.ended)
	}
}

// write sets cursors until the run is over. A failure halts the run, and the mark is tried
// once more at its end.
func (c *cursorWriter) write(r *inflight) {
	defer close(c.ended)
	for failed := false; ; {
		news := c.news
		if failed {
			news = nil
		}
		select {
		case <-news:
			if err := c.set(r); err != nil {
				failed = true
				r.failCursor(err)
			}
		case <-c.last:
			c.err = c.set(r)
			return
		}
		c.pause()
	}
}

func (c *cursorWriter) pause() {
	timer := time.NewTimer(cursorPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.last:
	}
}

// set sets the cursor to the mark, if that has moved. Its context outlives the run's: what is done is
// done, and should not be done again.
func (c *cursorWriter) set(r *inflight) (err error) {
	mark, moved := r.takeMark()
	if !moved {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, cursorTimeout)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Wrap(err, "set cursor error")
			r.returnMark()
		}
	}()
	defer recoverTo(&err)
	return c.store.SetCursor(ctx, c.name, mark)
}

// takeMark returns the mark, and whether it has moved since it was taken.
func (r *inflight) takeMark() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := r.cursor.dirty
	r.cursor.dirty = false
	return r.window.mark, moved
}

// returnMark notes that the mark that was taken could not be set.
func (r *inflight) returnMark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor.dirty = true
}

func (r *inflight) failCursor(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail(nil, err)
}
