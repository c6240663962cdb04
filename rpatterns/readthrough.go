package rpatterns

import (
	"context"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// ErrNoFallback is returned by GetCursor of a ReadThroughCursorStore that has to ask its fallback
// and was given none. To start without a cursor would consume everything again.
var ErrNoFallback = errors.New("cursor is not in the primary store, and there is no fallback to ask",
	j.C("ERR_5c0be7d2948a13f6"))

// ReadThroughCursorStore returns a store that is primary, but for cursors which are not there yet: GetCursor
// copies those from fallback. It is for moving consumers to another store, and for giving them
// a cursor to begin with: fallback may be a MemCursorStore. Cursors are never written to fallback, so
// one can go back to it, and consumers then repeat what they did since.
//
// The copy is as durable as a cursor that a consumer sets: a primary that buffers has written it at the latest when Run
// has ended, as Run flushes, also that of a consumer which got no event. Do without fallback only then. Until it is
// written a crash changes nothing, as fallback is asked again. Errors of both stores are returned as they are.
//
// The cursors of both must mean the same: an ID of an rsql table is not an offset of Kafka's.
// Two instances of a consumer that begin at the same time may both copy; where the one
// has already moved on, the other sets its cursor back, and events come again. fallback may be nil
// for SetCursor and Flush. The store may be used concurrently if both may.
func ReadThroughCursorStore(primary, fallback reflex.CursorStore) reflex.CursorStore {
	return &readThroughStore{CursorStore: primary, fallback: fallback}
}

type readThroughStore struct {
	reflex.CursorStore // the primary
	fallback           reflex.CursorStore
}

func (s *readThroughStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	cursor, err := s.CursorStore.GetCursor(ctx, consumerName)
	if err != nil {
		return "", err
	}
	if cursor != "" {
		return cursor, nil
	}
	if s.fallback == nil {
		return "", ErrNoFallback
	}
	cursor, err = s.fallback.GetCursor(ctx, consumerName)
	if err != nil || cursor == "" {
		return "", err
	}
	if err := s.SetCursor(ctx, consumerName, cursor); err != nil {
		return "", err
	}
	return cursor, nil
}
