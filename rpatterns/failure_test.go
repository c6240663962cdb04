package rpatterns

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// A stream waits for an event that never comes, and something beside it fails.
func TestFailureEndsAQuietStream(t *testing.T) {
	failed := errors.New("failed beside the stream")
	f := new(failure)
	var closed int
	stream := endOnFailure(reflex.NewMockStream(nil, nil), func() *failure { return f }, func() error { closed++; return nil })

	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	go f.set(failed)
	_, err = client.Recv()
	require.ErrorIs(t, err, failed)

	f.set(errors.New("what follows from it"))
	_, err = client.Recv()
	require.ErrorIs(t, err, failed)
	require.NoError(t, client.(*watchedClient).Close())
	require.Equal(t, 1, closed)
}

// The failure comes between Reset and the opening of the stream.
func TestFailureBeforeTheStreamEndsIt(t *testing.T) {
	failed := errors.New("failed before the stream")
	f := new(failure)
	f.set(failed)
	var got context.Context
	stream := endOnFailure(func(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
		got = ctx
		return nil, ctx.Err()
	}, func() *failure { return f }, nil)

	_, err := stream(t.Context(), "")
	require.ErrorIs(t, err, failed)
	require.ErrorIs(t, got.Err(), context.Canceled)
	require.NoError(t, f.untaken())
}

// Run asks the consumer again about the event that failed, and so says of which event the error is.
func TestFailureOfAnEventDeliversIt(t *testing.T) {
	f := new(failure)
	stream := endOnFailure(reflex.NewMockStream(nil, nil), func() *failure { return f }, nil)
	client, err := stream(t.Context(), "")
	require.NoError(t, err)

	failed := errors.New("failed")
	event := &reflex.Event{ID: "7"}
	f.setAt(event, failed)
	require.ErrorIs(t, f.untaken(), failed)
	got, err := client.Recv()
	require.NoError(t, err)
	require.Same(t, event, got)
	require.ErrorIs(t, f.take(), failed)
	require.NoError(t, f.untaken())
}

// A client panics when it is closed. What is in flight must be waited for all the same.
func TestClosingIsDoneAlthoughTheClientPanics(t *testing.T) {
	var closed bool
	stream := endOnFailure(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
		return panickingCloser{}, nil
	}, func() *failure { return new(failure) }, func() error { closed = true; return nil })
	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	require.PanicsWithValue(t, "close", func() { _ = client.(*watchedClient).Close() })
	require.True(t, closed)
}

type panickingCloser struct{ reflex.StreamClient }

func (panickingCloser) Close() error { panic("close") }
