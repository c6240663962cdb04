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
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, got.Err(), context.Canceled)
}
