package reflex_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func TestConsumerErrorIDs(t *testing.T) {
	for text, want := range map[string]struct {
		n     int64
		isInt bool
	}{
		"0": {0, true}, "7": {7, true}, "-1": {-1, true}, "": {0, false}, "x": {0, false}, "7@a": {0, false},
		"99999999999999999999": {0, false},
	} {
		id, event := &reflex.ConsumerError{ID: text, EventID: "x"}, &reflex.ConsumerError{ID: "x", EventID: text}
		require.Equal(t, want.n, id.IDInt(), text)
		require.Equal(t, want.isInt, id.IsIDInt(), text)
		require.Equal(t, want.n, event.EventIDInt(), text)
		require.Equal(t, want.isInt, event.IsEventIDInt(), text)
	}
}

// The numbers are in tables.
func TestErrorStatusHasItsNumber(t *testing.T) {
	for status, want := range map[reflex.ErrorStatus]int{reflex.UnknownEventError: 0, reflex.EventErrorRecorded: 1, 7: 7} {
		require.Equal(t, want, status.ReflexType())
		require.Equal(t, want, status.ShiftStatus())
	}
}

func TestErrorInsertFuncHasTheConsumerInFront(t *testing.T) {
	var insert reflex.ErrorInsertFunc = func(_ context.Context, consumerName, eventID, errMsg string) error {
		require.Equal(t, []string{"billing", "7", "boom"}, []string{consumerName, eventID, errMsg})
		return nil
	}
	require.NoError(t, insert(t.Context(), "billing", "7", "boom"))
}
