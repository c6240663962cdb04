package lunoreflex_test

import (
	"context"
	"io"
	"testing"

	"github.com/luno/jettison/errors"
	luno "github.com/luno/reflex"
	"github.com/luno/reflex/rpatterns"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/reflex"
	ours "github.com/kreflex/kreflex/rpatterns"
)

// What one library says an error is, the other says too, when it went over the bridge and through
// a Run of the other.
func TestErrorsKeepTheirIdentity(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		stopped bool
		head    bool
		calm    bool
	}{
		{name: "stopped, ours", err: reflex.ErrStopped, stopped: true, calm: true},
		{name: "stopped, theirs", err: luno.ErrStopped, stopped: true, calm: true},
		{name: "head, ours", err: errors.Wrap(reflex.ErrHeadReached, "at the end"), head: true},
		{name: "head, theirs", err: errors.Wrap(luno.ErrHeadReached, "at the end"), head: true},
		{name: "cancel", err: errors.Wrap(context.Canceled, "query"), calm: true},
		{name: "deadline", err: context.DeadlineExceeded, calm: true},
		{name: "any other", err: io.ErrUnexpectedEOF},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			theirs := luno.Run(t.Context(), luno.NewSpec(
				lunoreflex.ToLunoStream(reflex.NewMockStream(nil, test.err)), rpatterns.MemCursorStore(), consumer[luno.Event]{name: "test"}))
			our := reflex.Run(t.Context(), reflex.NewSpec(
				lunoreflex.FromLunoStream(luno.NewMockStream(nil, test.err)), ours.MemCursorStore(), consumer[reflex.Event]{name: "test"}))
			for _, err := range []error{theirs, our} {
				require.True(t, errors.Is(err, test.err))
				require.Equal(t, test.stopped, luno.IsStoppedErr(err))
				require.Equal(t, test.stopped, reflex.IsStoppedErr(err))
				require.Equal(t, test.head, luno.IsHeadReachedErr(err))
				require.Equal(t, test.head, reflex.IsHeadReachedErr(err))
				theirVerdict, ourVerdict := luno.IsExpected(err), reflex.IsExpected(err)
				require.Equal(t, test.calm, theirVerdict)
				require.Equal(t, test.calm, ourVerdict)
			}
		})
	}
}

func TestErrorsOfFiltersAreKnownOnBothSides(t *testing.T) {
	theirs := lunoreflex.FromLunoConsumer(luno.NewConsumer(t.Name(), func(context.Context, *luno.Event) error { return nil },
		luno.WithEventFilter(lunoreflex.ToLunoFilter(func(*reflex.Event) (bool, error) { return false, io.ErrUnexpectedEOF }))))
	our := lunoreflex.ToLunoConsumer(reflex.NewConsumer(t.Name(), func(context.Context, *reflex.Event) error { return nil },
		reflex.WithEventFilter(lunoreflex.FromLunoFilter(func(*luno.Event) (bool, error) { return false, io.ErrUnexpectedEOF }))))
	for _, err := range []error{
		theirs.Consume(t.Context(), &reflex.Event{}),
		our.Consume(t.Context(), &luno.Event{}),
	} {
		require.True(t, luno.IsFilterErr(err), "%v", err)
		require.True(t, reflex.IsFilterErr(err), "%v", err)
		require.True(t, errors.Is(err, io.ErrUnexpectedEOF))
	}
}

func TestFiltersSeeTheEvent(t *testing.T) {
	ok, err := lunoreflex.ToLunoFilter(func(e *reflex.Event) (bool, error) { return e.ForeignID == "a", nil })(&luno.Event{ForeignID: "a"})
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = lunoreflex.FromLunoFilter(func(e *luno.Event) (bool, error) { return e.ForeignID == "a", nil })(&reflex.Event{ForeignID: "a"})
	require.NoError(t, err)
	require.True(t, ok)
	require.Nil(t, lunoreflex.ToLunoFilter(nil))
	require.Nil(t, lunoreflex.FromLunoFilter(nil))
}

// A part that is missing is an error that says which, and not a crash at the first event.
func TestNilIsAnErrorThatSaysWhat(t *testing.T) {
	require.EqualError(t, luno.Run(t.Context(), luno.NewSpec(
		lunoreflex.ToLunoStream(nil), rpatterns.MemCursorStore(), consumer[luno.Event]{})),
		"use stream: the bridge to luno/reflex was given nil")
	require.EqualError(t, reflex.Run(t.Context(), reflex.NewSpec(
		lunoreflex.FromLunoStream(nil), ours.MemCursorStore(), consumer[reflex.Event]{})),
		"use stream: the bridge to luno/reflex was given nil")

	require.EqualError(t, luno.Run(t.Context(), luno.NewSpec(
		luno.NewMockStream(nil, io.EOF), lunoreflex.ToLunoCursors(nil), consumer[luno.Event]{})),
		"get cursor error: use cursor store: the bridge to luno/reflex was given nil")
	require.ErrorContains(t, reflex.Run(t.Context(), reflex.NewSpec(
		reflex.NewMockStream(nil, io.EOF), lunoreflex.FromLunoCursors(nil), consumer[reflex.Event]{})),
		"get cursor error: use cursor store: the bridge to luno/reflex was given nil")
	require.True(t, errors.Is(lunoreflex.FromLunoCursors(nil).SetCursor(t.Context(), "test", "1"), lunoreflex.ErrNil))

	theirs := luno.NewSpec(luno.NewMockStream(nil, io.EOF), rpatterns.MemCursorStore(), lunoreflex.ToLunoConsumer(nil))
	require.EqualError(t, luno.Run(t.Context(), theirs), "reset error: use consumer: the bridge to luno/reflex was given nil")
	require.NoError(t, theirs.Stop())
	our := reflex.NewSpec(reflex.NewMockStream(nil, io.EOF), ours.MemCursorStore(), lunoreflex.FromLunoConsumer(nil))
	require.EqualError(t, reflex.Run(t.Context(), our), "reset error: use consumer: the bridge to luno/reflex was given nil")
	require.NoError(t, our.Stop())

	require.True(t, errors.Is(lunoreflex.ToLunoConsumer(nil).Consume(t.Context(), &luno.Event{}), lunoreflex.ErrNil))
	require.True(t, errors.Is(lunoreflex.FromLunoConsumer(nil).Consume(t.Context(), &reflex.Event{}), lunoreflex.ErrNil))
	require.True(t, errors.Is(lunoreflex.ToLunoConsumer(consumer[reflex.Event]{}).Consume(t.Context(), nil), reflex.ErrNoEvent))
	require.True(t, errors.Is(lunoreflex.FromLunoConsumer(consumer[luno.Event]{}).Consume(t.Context(), nil), reflex.ErrNoEvent))
}

func TestErrorInsertsAreCalledWithWhatTheyAreGiven(t *testing.T) {
	var got []string
	note := func(_ context.Context, consumer, eventID, message string) error {
		got = append(got, consumer, eventID, message)
		return io.ErrUnexpectedEOF
	}
	require.Equal(t, io.ErrUnexpectedEOF, lunoreflex.ToLunoErrorInsert(note)(t.Context(), "billing", "7", "no"))
	require.Equal(t, io.ErrUnexpectedEOF, lunoreflex.FromLunoErrorInsert(note)(t.Context(), "billing", "8", "no"))
	require.Equal(t, []string{"billing", "7", "no", "billing", "8", "no"}, got)
	require.Nil(t, lunoreflex.ToLunoErrorInsert(nil))
	require.Nil(t, lunoreflex.FromLunoErrorInsert(nil))
}
