package rpatterns

import (
	"context"
	"strconv"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

var _ reflex.CursorStore = (*memCursorStore)(nil)

// memCursorStore keeps cursors in a map.
type memCursorStore struct {
	mu      sync.Mutex
	cursors map[string]string
}

// MemOpt sets what a MemCursorStore holds to begin with. Of two for the same
// consumer the later wins.
type MemOpt func(*memCursorStore)

// WithMemCursor starts with a cursor for the consumer.
func WithMemCursor(name, cursor string) MemOpt {
	return func(s *memCursorStore) { s.cursors[name] = cursor }
}

// WithMemCursorInt starts with an integer cursor for the consumer. 0 is a
// cursor like any other: the event with ID 0 was consumed.
func WithMemCursorInt(name string, cursor int64) MemOpt {
	return WithMemCursor(name, strconv.FormatInt(cursor, 10))
}

// MemCursorStore returns a store that keeps cursors in memory only. Cursors
// may have any form, are never compared, and need no Flush. Contexts are not
// looked at, and may be nil, as no method waits.
func MemCursorStore(opts ...MemOpt) reflex.CursorStore {
	s := &memCursorStore{cursors: make(map[string]string)}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

func (s *memCursorStore) GetCursor(_ context.Context, consumerName string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors[consumerName], nil
}

func (s *memCursorStore) SetCursor(_ context.Context, consumerName, cursor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors[consumerName] = cursor
	return nil
}

// Flush has nothing to do: there is no place more durable than the map.
func (*memCursorStore) Flush(context.Context) error { return nil }
