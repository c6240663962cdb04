package rpatterns_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/rpatterns"
)

func TestReadThroughStoreKeepsTheContract(t *testing.T) {
	reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
		New: func(testing.TB) reflextest.CursorBackend {
			primary := rpatterns.MemCursorStore()
			return reflextest.CursorBackend{
				Store: rpatterns.ReadThroughCursorStore(primary, rpatterns.MemCursorStore()),
				Reopen: func(testing.TB) reflex.CursorStore {
					return rpatterns.ReadThroughCursorStore(primary, rpatterns.MemCursorStore())
				},
			}
		},
		StringCursors:  true,
		ReadYourWrites: true,
	})
}

// A consumer of a quiet stream is moved to a store that buffers, and gets no event. When its run has ended, its
// cursor is in the new store for good, and the old one can go.
func TestReadThroughStoreMovesAConsumerThatGetsNoEvent(t *testing.T) {
	primary, fallback := newFakeStore(), newFakeStore(rpatterns.WithMemCursor("test", "7"))
	store := rpatterns.ReadThroughCursorStore(primary, fallback)
	stream := newFakeLog("7").stream
	consumer := reflex.NewConsumer("test", func(context.Context, *reflex.Event) error { return nil })
	for range 2 {
		err := reflex.Run(t.Context(), reflex.NewSpec(stream, store, consumer, reflex.WithStreamToHead()))
		require.ErrorIs(t, err, reflex.ErrHeadReached)
		require.Equal(t, "7", primary.durable())
	}
	require.Equal(t, []string{"get", "set 7", "flush", "get", "flush"}, primary.recorded())
	require.Equal(t, []string{"get"}, fallback.recorded())
}

func TestReadThroughStoreWritesToThePrimaryOnly(t *testing.T) {
	for _, fallback := range []reflex.CursorStore{nil, newFakeStore()} {
		primary := newFakeStore()
		store := rpatterns.ReadThroughCursorStore(primary, fallback)
		require.NoError(t, store.SetCursor(t.Context(), "test", "8"))
		require.NoError(t, store.Flush(t.Context()))
		cursor, err := store.GetCursor(t.Context(), "test")
		require.NoError(t, err)
		require.Equal(t, "8", cursor)
		require.Equal(t, []string{"set 8", "flush", "get"}, primary.recorded())
		if fake, ok := fallback.(*fakeStore); ok {
			require.Empty(t, fake.recorded())
		}
	}
}

func TestReadThroughStoreWithoutCursorAnywhere(t *testing.T) {
	primary := newFakeStore()
	cursor, err := rpatterns.ReadThroughCursorStore(primary, newFakeStore()).GetCursor(t.Context(), "test")
	require.NoError(t, err)
	require.Empty(t, cursor)
	require.Equal(t, []string{"get"}, primary.recorded())

	_, err = rpatterns.ReadThroughCursorStore(primary, nil).GetCursor(t.Context(), "test")
	require.ErrorIs(t, err, rpatterns.ErrNoFallback)
}

// brokenStore fails in one of its methods.
type brokenStore struct {
	reflex.CursorStore

	get, set, flush error
}

func (s brokenStore) GetCursor(ctx context.Context, name string) (string, error) {
	cursor, err := s.CursorStore.GetCursor(ctx, name)
	return cursor, errors.Join(err, s.get)
}

func (s brokenStore) SetCursor(ctx context.Context, name, cursor string) error {
	if s.set != nil {
		return s.set
	}
	return s.CursorStore.SetCursor(ctx, name, cursor)
}

func (s brokenStore) Flush(ctx context.Context) error {
	return errors.Join(s.flush, s.CursorStore.Flush(ctx))
}

func TestReadThroughStoreReturnsErrors(t *testing.T) {
	broken := errors.New("broken")
	full := rpatterns.MemCursorStore(rpatterns.WithMemCursor("test", "7"))
	for name, stores := range map[string][2]reflex.CursorStore{
		"get of the primary":  {brokenStore{CursorStore: full, get: broken}, full},
		"get of the fallback": {rpatterns.MemCursorStore(), brokenStore{CursorStore: full, get: broken}},
		"set of the primary":  {brokenStore{CursorStore: rpatterns.MemCursorStore(), set: broken}, full},
	} {
		t.Run(name, func(t *testing.T) {
			cursor, err := rpatterns.ReadThroughCursorStore(stores[0], stores[1]).GetCursor(t.Context(), "test")
			require.ErrorIs(t, err, broken)
			require.Empty(t, cursor)
		})
	}
}
