package reflextest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// cursorEnv is what a case works with: a backend of its own, and calls that
// come back.
type cursorEnv struct {
	tb      testing.TB
	h       CursorStoreHarness
	backend CursorBackend
}

func (h CursorStoreHarness) env(tb testing.TB) *cursorEnv {
	tb.Helper()
	return &cursorEnv{tb: tb, h: h, backend: h.New(tb)}
}

// store is a reflex.CursorStore whose calls fail the test when they fail or
// take too long.
type store struct {
	env *cursorEnv
	reflex.CursorStore
}

func (e *cursorEnv) store() store { return store{env: e, CursorStore: e.backend.Store} }

// reopened returns another store on the backend, or false where there cannot
// be one.
func (e *cursorEnv) reopened() (store, bool) {
	e.tb.Helper()
	if e.backend.Reopen == nil {
		return store{}, false
	}
	s := store{env: e}
	within(e.tb, e.h.Timeout, "Reopen", func() { s.CursorStore = e.backend.Reopen(e.tb) })
	return s, true
}

// call runs a method and requires that it succeeds in time.
func (s store) call(what string, f func(context.Context) error) {
	s.env.tb.Helper()
	var err error
	within(s.env.tb, s.env.h.Timeout, what, func() {
		ctx, cancel := context.WithTimeout(s.env.tb.Context(), s.env.h.Timeout)
		defer cancel()
		err = f(ctx)
	})
	require.NoError(s.env.tb, err, what)
}

func (s store) get(name string) string {
	s.env.tb.Helper()
	var cursor string
	s.call("GetCursor", func(ctx context.Context) (err error) {
		cursor, err = s.GetCursor(ctx, name)
		return err
	})
	return cursor
}

func (s store) set(name, cursor string) {
	s.env.tb.Helper()
	s.call("SetCursor", func(ctx context.Context) error { return s.SetCursor(ctx, name, cursor) })
}

func (s store) flush() {
	s.env.tb.Helper()
	s.call("Flush", s.Flush)
}

// requireFlushed requires that consumers are at their cursors, and that another
// store says so too where there can be one. It comes last in a case: another
// store may take the consumer over.
func (s store) requireFlushed(want map[string]string) {
	s.env.tb.Helper()
	for name, cursor := range want {
		s.requireAt(name, cursor)
	}
	if other, ok := s.env.reopened(); ok {
		for name, cursor := range want {
			other.requireAt(name, cursor)
		}
	}
}

func (s store) requireAt(name, cursor string) {
	s.env.tb.Helper()
	got := s.get(name)
	require.Truef(s.env.tb, s.env.h.Same(cursor, got), "want consumer %q to be at %q, it is at %q", name, cursor, got)
}
