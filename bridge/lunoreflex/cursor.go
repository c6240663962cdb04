package lunoreflex

import (
	"context"
	"time"

	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// flushTimeout is as long as kreflex's Run waits.
const flushTimeout = 10 * time.Second

// The two interfaces ask for the same methods, so each store is already one of the other library.
var (
	_ luno.CursorStore   = reflex.CursorStore(nil)
	_ reflex.CursorStore = luno.CursorStore(nil)
)

// ToLunoCursors returns a store of kreflex, such as a kafkacursor.Store, for whatever takes one
// of luno/reflex.
//
// A store of kreflex fits as it is. This one also ends a Flush without a deadline after 10 seconds: Run of
// luno/reflex has none for it, so a Kafka that doesn't answer would hold up the end of the program for as
// long as the store is ready to wait.
//
// The methods of a store made of nil return ErrNil.
func ToLunoCursors(store reflex.CursorStore) luno.CursorStore {
	if store == nil {
		return nilCursors{}
	}
	return lunoCursors{store}
}

// FromLunoCursors returns a store of luno/reflex, such as ToStore of an rsql cursors table, for
// whatever takes one of kreflex. It is the store itself.
//
// The cursors table of rsql refuses a cursor that is not above the one it has. It writes every five seconds unless
// told otherwise, and what a write that failed would have written is forgotten until it is set again.
//
// The methods of a store made of nil return ErrNil.
func FromLunoCursors(store luno.CursorStore) reflex.CursorStore {
	if store == nil {
		return nilCursors{}
	}
	return store
}

type lunoCursors struct{ reflex.CursorStore }

func (c lunoCursors) Flush(ctx context.Context) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flushTimeout)
		defer cancel()
	}
	return c.CursorStore.Flush(ctx)
}

type nilCursors struct{}

func (nilCursors) GetCursor(context.Context, string) (string, error) {
	return "", nilError("cursor store")
}

func (nilCursors) SetCursor(context.Context, string, string) error { return nilError("cursor store") }

func (nilCursors) Flush(context.Context) error { return nilError("cursor store") }
