package rpatterns_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/rpatterns"
)

func TestMemCursorStoreHoldsWhatItWasGiven(t *testing.T) {
	store := rpatterns.MemCursorStore(
		rpatterns.WithMemCursor("text", "a|7"),
		rpatterns.WithMemCursorInt("number", 7),
		rpatterns.WithMemCursorInt("zero", 0),
		rpatterns.WithMemCursor("twice", "1"),
		rpatterns.WithMemCursorInt("twice", -2),
	)
	for name, want := range map[string]string{
		"text": "a|7", "number": "7", "zero": "0", "twice": "-2", "missing": "",
	} {
		got, err := store.GetCursor(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
}

func TestMemCursorStoresShareNothing(t *testing.T) {
	opt := rpatterns.WithMemCursor("consumer", "1")
	first, second := rpatterns.MemCursorStore(opt), rpatterns.MemCursorStore(opt)
	require.NoError(t, first.SetCursor(t.Context(), "consumer", "2"))

	got, err := second.GetCursor(t.Context(), "consumer")
	require.NoError(t, err)
	require.Equal(t, "1", got)
}

// A consumer that finishes an event while it is being shut down sets its
// cursor with a context that is done, or none. Refusing it would repeat the
// event.
func TestMemCursorStoreDoesNotLookAtContexts(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	store := rpatterns.MemCursorStore()
	for i, ctx := range []context.Context{nil, done} {
		cursor := strconv.Itoa(i)
		require.NoError(t, store.SetCursor(ctx, "consumer", cursor))
		require.NoError(t, store.Flush(ctx))
		got, err := store.GetCursor(ctx, "consumer")
		require.NoError(t, err)
		require.Equal(t, cursor, got)
	}
}

func TestMemCursorStoreTakesConcurrentWriters(t *testing.T) {
	const writers, sets = 8, 200
	store := rpatterns.MemCursorStore()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			name := fmt.Sprint("consumer ", w)
			for i := range sets {
				if err := store.SetCursor(t.Context(), name, strconv.Itoa(i)); err != nil {
					t.Error(err)
				}
				if got, err := store.GetCursor(t.Context(), name); err != nil || got != strconv.Itoa(i) {
					t.Errorf("%s is at %q, %v, want %d", name, got, err, i)
				}
			}
		})
	}
	wg.Wait()
}
