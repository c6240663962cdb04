package kafkacursor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kreflex/kreflex/reflex"
)

var _ reflex.CursorStore = (*bound)(nil)

// bound is the store for one log.
type bound struct {
	store *Store
	log   Log // nil is none

	last atomic.Pointer[named] // the slot that was used last

	mu    sync.RWMutex
	slots map[string]*named
}

// named is a slot with the name of its consumer.
type named struct {
	consumer string
	*slot
}

// For returns the store for consumers of a log. Their cursors are kept by
// consumer, topic and partition, and carry the identity of the log, see Log. Flush of
// it is about the consumers that it was used for.
//
// It may be called as often as one likes: the cursors are the Store's.
func (s *Store) For(log Log) reflex.CursorStore { return &bound{store: s, log: log} }

// GetCursor takes the consumer over and returns its cursor. What was set by this
// Store under an ownership that was not lost is returned although it may not be
// written yet.
func (b *bound) GetCursor(ctx context.Context, consumerName string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	n, err := b.slot(consumerName)
	if err != nil {
		return "", err
	}
	return b.store.acquire(ctx, n.slot)
}

// SetCursor is on the way of each event: while the consumer is the one of the call
// before it takes no lock but that of its cursor, and allocates nothing.
func (b *bound) SetCursor(ctx context.Context, consumerName, cursor string) error {
	n := b.last.Load()
	if n == nil || n.consumer != consumerName {
		var err error
		if n, err = b.slot(consumerName); err != nil {
			return err
		}
	}
	var stamp func(string) string
	if b.log != nil {
		// Now and not when it is written: by then the log may be another one.
		stamp = b.log.Stamp()
	}
	if cursor == "" {
		return &Error{Kind: ErrBadCursor, Topic: b.store.topic, Key: n.key, Do: "use Reset to have a consumer begin at the start"}
	}
	verdict, err := b.store.set(n.slot, cursor, stamp)
	if verdict != mustOwn {
		return err
	}
	if _, err := b.store.acquire(ctx, n.slot); err != nil {
		return err
	}
	_, err = b.store.set(n.slot, cursor, stamp)
	return err
}

// set keeps the cursor to be written.
func (s *Store) set(sl *slot, cursor string, stamp func(string) string) (verdict, error) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.closed {
		return notOwned, s.closedError()
	}
	v := sl.cell.set(cursor, stamp)
	switch v {
	case kept:
		if !sl.queued {
			s.writer.enqueue(sl)
		}
		fallthrough
	case same:
		if sl.cell.failure != nil {
			return v, sl.cell.tell()
		}
	case backwards:
		return v, &Error{
			Kind: ErrCursorRegression, Topic: s.topic, Key: sl.key, Asked: "cursor " + clip(cursor), Found: "cursor " + clip(sl.cell.order),
			Do: "look for another consumer of that name in this process",
		}
	case notOwned:
		return v, sl.cell.why
	case mustOwn:
	}
	return v, nil
}

// Flush returns when the cursors that were set here before are durable.
func (b *bound) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.store.open(); err != nil {
		return err
	}
	b.mu.RLock()
	slots := make([]*slot, 0, len(b.slots))
	for _, n := range b.slots {
		slots = append(slots, n.slot)
	}
	b.mu.RUnlock()
	return b.store.flush(ctx, slots)
}

// Release writes what is pending of the consumer's cursor, and then lets go of it: whoever takes it over is no longer
// reported, by Close or Flush for instance, and what fencing holds for it is closed. GetCursor takes it back. Releasing
// what isn't owned does nothing.
//
// It is for those who hand partitions on; a program that ends only has to Close the Store. It returns what Flush does for this
// consumer, and lets go in any case.
func (b *bound) Release(ctx context.Context, consumerName string) error {
	if err := b.store.open(); err != nil {
		return err
	}
	n, err := b.slot(consumerName)
	if err != nil {
		return err
	}
	return b.store.release(ctx, n.slot)
}

// slot returns that of the consumer.
func (b *bound) slot(consumer string) (*named, error) {
	b.mu.RLock()
	n := b.slots[consumer]
	b.mu.RUnlock()
	if n == nil {
		key := Key{Consumer: consumer}
		if b.log != nil {
			key.Topic, key.Partition = b.log.Topic(), b.log.Partition()
			if key.Topic == "" {
				return nil, &Error{Kind: ErrBadKey, Topic: b.store.topic, Asked: fmt.Sprintf("a cursor of %q in a log without a topic", clip(consumer)), Do: "give the log its topic"}
			}
		}
		sl, err := b.store.slot(key)
		if err != nil {
			return nil, err
		}
		n = &named{consumer: consumer, slot: sl}
		b.mu.Lock()
		if b.slots == nil {
			b.slots = make(map[string]*named)
		}
		b.slots[consumer] = n
		b.mu.Unlock()
	}
	b.last.Store(n)
	return n, nil
}
