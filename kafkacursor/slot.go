package kafkacursor

import (
	"context"
	"sync"
)

// slot is the one place in a Store for a cursor.
type slot struct {
	key       Key
	text      string // of the key
	partition int32  // of the topic of cursors

	mu     sync.Mutex
	cell   cell
	queued bool // with the writer
	closed bool

	// turn is held while the cursor is acquired, and by a transaction that writes it,
	// as acquiring ends the transactional client. It is a channel so that waiting
	// for it can end with a context.
	turn  chan struct{}
	fence *fence // guarded by turn
}

func newSlot(key Key, text string, partition int32) *slot {
	return &slot{key: key, text: text, partition: partition, turn: make(chan struct{}, 1)}
}

// lock takes the turn, or returns the error of ctx.
func (sl *slot) lock(ctx context.Context) error {
	select {
	case sl.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryLock takes the turn if nobody has it.
func (sl *slot) tryLock() bool {
	select {
	case sl.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (sl *slot) unlock() { <-sl.turn }
