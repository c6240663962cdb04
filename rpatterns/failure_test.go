package rpatterns

import (
	"context"
	"errors"
	"io"
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

// A cursor that is set after the client is closed may be of another log: where the client is of a Kafka topic that was
// deleted and created again, another stream may have opened the new one meanwhile.
func TestClosingIsDoneBeforeTheClientIsClosed(t *testing.T) {
	var calls []string
	inner := &notingCloser{note: func() { calls = append(calls, "close") }}
	open := func(closing func() error) io.Closer {
		client, err := endOnFailure(func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return inner, nil
		}, func() *failure { return new(failure) }, closing)(t.Context(), "")
		require.NoError(t, err)
		return client.(io.Closer)
	}

	require.NoError(t, open(func() error { calls = append(calls, "closing"); return nil }).Close())
	require.Equal(t, []string{"closing", "close"}, calls)

	late := errors.New("late")
	inner.err = errors.New("of the client")
	require.ErrorIs(t, open(func() error { return late }).Close(), late)
	require.ErrorIs(t, open(func() error { return nil }).Close(), inner.err)
	require.ErrorIs(t, open(nil).Close(), inner.err)

	calls = nil
	require.Panics(t, func() { _ = open(func() error { panic("closing") }).Close() })
	require.Equal(t, []string{"close"}, calls)
}

type notingCloser struct {
	reflex.StreamClient
	note func()
	err  error
}

func (c *notingCloser) Close() error {
	c.note()
	return c.err
}
