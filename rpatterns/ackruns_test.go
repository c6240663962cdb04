package rpatterns

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// A shard that gets no events kept its old cursor, and read all of the stream again after each restart.
func TestEventsOfOtherShardsMoveTheCursorOfAShard(t *testing.T) {
	store := MemCursorStore()
	events := []*reflex.Event{{ID: "1"}, {ID: "2"}, {ID: "3"}, {ID: "4"}}
	end := errors.New("end")
	var seen []string
	ac := NewAckConsumer("test", store, func(ctx context.Context, e *AckEvent) error {
		seen = append(seen, e.ID)
		return e.Ack(ctx)
	})
	mine := func(e *reflex.Event) (bool, error) { return e.ID == "2", nil }
	require.ErrorIs(t, reflex.Run(t.Context(), ac.spec(reflex.NewMockStream(events, end), mine)), end)
	require.Equal(t, []string{"2"}, seen)
	cursor, err := store.GetCursor(t.Context(), "test")
	require.NoError(t, err)
	require.Equal(t, "4", cursor)

	broken := errors.New("broken")
	mine = func(*reflex.Event) (bool, error) { return false, broken }
	store = MemCursorStore()
	ac = NewAckConsumer("test", store, func(context.Context, *AckEvent) error { return nil })
	require.ErrorIs(t, reflex.Run(t.Context(), ac.spec(reflex.NewMockStream(events, end), mine)), broken)
	cursor, err = store.GetCursor(t.Context(), "test")
	require.NoError(t, err)
	require.Empty(t, cursor)
}
