package kafkacursor

import "sync"

// slot is the one place in a Store for a cursor.
type slot struct {
	key       Key
	text      string // of the key
	partition int32  // of the topic of cursors

	mu     sync.Mutex
	cell   cell
	queued bool // with the writer
	closed bool

	// The turn is held while the cursor is acquired, and by a transaction of its own that
	// writes it, as acquiring ends the transactional client.
	turn
	fence *fence // guarded by the turn
}

func newSlot(key Key, text string, partition int32) *slot {
	return &slot{key: key, text: text, partition: partition, turn: newTurn()}
}
