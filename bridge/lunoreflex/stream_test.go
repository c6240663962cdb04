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
)

func TestStreamsGetTheirCursorAndOptions(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	_, err := lunoreflex.ToLunoStream(func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		require.Equal(t, "value", ctx.Value(key{}))
		require.Equal(t, "7@topic:4", after)
		require.Equal(t, reflex.StreamOptions{Lag: 5, StreamToHead: true}, reflex.ResolveOptions(opts...))
		return nil, io.ErrUnexpectedEOF
	})(ctx, "7@topic:4", luno.WithStreamLag(5), luno.WithStreamToHead())
	require.Equal(t, io.ErrUnexpectedEOF, err, "as it is")

	_, err = lunoreflex.FromLunoStream(func(ctx context.Context, after string, opts ...luno.StreamOption) (luno.StreamClient, error) {
		require.Equal(t, "value", ctx.Value(key{}))
		require.Equal(t, "7", after)
		require.Equal(t, luno.StreamOptions{StreamFromHead: true}, luno.ResolveOptions(opts...))
		return nil, io.ErrUnexpectedEOF
	})(ctx, "7", reflex.WithStreamFromHead())
	require.Equal(t, io.ErrUnexpectedEOF, err, "as it is")
}

func TestStreamsAreClosedThroughTheBridge(t *testing.T) {
	closed := 0
	closing := func() error { closed++; return io.ErrClosedPipe }

	theirs, err := lunoreflex.ToLunoStream(streamOf(closer[reflex.Event]{close: closing}))(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, io.ErrClosedPipe, theirs.(io.Closer).Close())
	ours, err := lunoreflex.FromLunoStream(lunoStreamOf(closer[luno.Event]{close: closing}))(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, io.ErrClosedPipe, ours.(io.Closer).Close())
	require.Equal(t, 2, closed)
}

// Somebody who asks whether a stream can be closed, as both Runs do, must hear the truth: one that is
// ended by its context only would be left open.
func TestStreamsWithoutCloseHaveNone(t *testing.T) {
	theirs, err := lunoreflex.ToLunoStream(streamOf(client[reflex.Event]{}))(t.Context(), "")
	require.NoError(t, err)
	require.NotImplements(t, (*io.Closer)(nil), theirs)
	ours, err := lunoreflex.FromLunoStream(lunoStreamOf(client[luno.Event]{}))(t.Context(), "")
	require.NoError(t, err)
	require.NotImplements(t, (*io.Closer)(nil), ours)
}

// Run of luno/reflex takes an event of nil without an error for an event, and ends the program.
func TestAnEventOfNilIsAnError(t *testing.T) {
	theirs := lunoreflex.ToLunoStream(streamOf(client[reflex.Event]{func() (*reflex.Event, error) { return nil, nil }}))
	spec := luno.NewSpec(theirs, rpatterns.MemCursorStore(), consumer[luno.Event]{name: "test"})
	err := luno.Run(t.Context(), spec)
	require.True(t, errors.Is(err, reflex.ErrNoEvent), "%v", err)

	ours, err := lunoreflex.FromLunoStream(lunoStreamOf(client[luno.Event]{func() (*luno.Event, error) { return nil, nil }}))(t.Context(), "")
	require.NoError(t, err)
	_, err = ours.Recv()
	require.True(t, errors.Is(err, reflex.ErrNoEvent), "%v", err)
}

func TestNeitherAStreamNorAnErrorIsAnError(t *testing.T) {
	_, err := lunoreflex.ToLunoStream(streamOf(nil))(t.Context(), "")
	require.True(t, errors.Is(err, lunoreflex.ErrNoClient), "%v", err)
	_, err = lunoreflex.FromLunoStream(lunoStreamOf(nil))(t.Context(), "")
	require.True(t, errors.Is(err, lunoreflex.ErrNoClient), "%v", err)
}

// A bootstrapped consumer stores where its stream began before it consumes. A bridge that hid that would lose the first
// event if the consumer fails.
func TestStreamsSayWhereTheyBegan(t *testing.T) {
	l := newLog(t)
	ids, err := l.append(t.Context(), reflex.Event{ForeignID: "1", Type: eventType(1)})
	require.NoError(t, err)
	there, err := lunoreflex.FromLunoStream(lunoreflex.ToLunoStream(l.orders.Stream))(t.Context(), "", reflex.WithStreamFromHead())
	require.NoError(t, err)
	defer func() { _ = there.(io.Closer).Close() }()
	position, ok := there.(reflex.Positioner).Position()
	require.True(t, ok)
	require.Equal(t, ids[0], position)

	none, err := lunoreflex.FromLunoStream(lunoStreamOf(client[luno.Event]{}))(t.Context(), "")
	require.NoError(t, err)
	_, ok = none.(reflex.Positioner).Position()
	require.False(t, ok)
}
