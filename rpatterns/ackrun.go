package rpatterns

import (
	"context"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// position is a place in what a run delivers. Cursors can't be compared, so it is the number of the delivery
// that says which of two is the later one.
type position struct {
	seq uint64
	id  string // of the event
}

// ackRun is what acks of one run share: it moves the cursor, and knows how far it is.
type ackRun struct {
	name  string
	store reflex.CursorStore

	// turn is held while the cursor is set, so that two acks can't overtake each other
	// on the way to the store. It is a channel so that waiting for it ends with a context.
	turn  chan struct{}
	stale bool // guarded by turn: a later run has begun

	mu        sync.Mutex
	delivered uint64   // number of the last event delivered
	handed    uint64   // and of the last one that the logic got
	skipped   position // the last one that it did not get
	reached   uint64   // where the cursor is
}

func newAckRun(name string, store reflex.CursorStore) *ackRun {
	return &ackRun{name: name, store: store, turn: make(chan struct{}, 1)}
}

// deliver notes that the next event is in hand.
func (r *ackRun) deliver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delivered++
}

// hand notes that the logic gets the event in hand, and returns it for it. From now on the cursor
// passes it with an Ack only.
func (r *ackRun) hand(e *reflex.Event) *AckEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handed = r.delivered
	return &AckEvent{Event: *e, run: r, seq: r.delivered}
}

// dealtWith notes that all is well with the event in hand. If the logic did not get it,
// nobody will acknowledge it.
func (r *ackRun) dealtWith(e *reflex.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handed < r.delivered {
		r.skipped = position{seq: r.delivered, id: e.ID}
	}
}

// passable returns the event in hand if the cursor may pass it right away: nobody will acknowledge it, and
// nothing before it is still to be acknowledged.
func (r *ackRun) passable() (position, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// An event without an ID can't be a cursor: that would be the start.
	return r.skipped, r.skipped.seq == r.delivered && r.handed <= r.reached && r.skipped.id != ""
}

// target returns where the cursor goes when all up to a position is done, unless it
// is there already.
func (r *ackRun) target(to position) (position, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to.seq <= r.reached {
		return position{}, false
	}
	if r.skipped.seq > to.seq && r.handed <= to.seq && r.skipped.id != "" {
		return r.skipped, true
	}
	return to, true
}

// advance moves the cursor, as all up to a position is done.
func (r *ackRun) advance(ctx context.Context, to position) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	if r.stale {
		return ErrStaleAck
	}
	target, forward := r.target(to)
	if !forward {
		return nil
	}
	if err := r.store.SetCursor(ctx, r.name, target.id); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reached = target.seq
	return nil
}

// end returns when the run sets no cursor any more.
func (r *ackRun) end(ctx context.Context) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	r.stale = true
	return nil
}

func (r *ackRun) lock(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *ackRun) unlock() { <-r.turn }
