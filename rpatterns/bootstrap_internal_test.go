package rpatterns

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// The option was appended to the caller's slice, where another spec found it.
func TestBootstrapLeavesTheOptionsAlone(t *testing.T) {
	opts := make([]reflex.StreamOption, 1, 4)
	opts[0] = reflex.WithStreamToHead()
	var got reflex.StreamOptions
	stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		got = reflex.ResolveOptions(opts...)
		return reflex.NewMockStream(nil, nil)(ctx, after)
	}
	_, err := newBootstrap(stream, MemCursorStore(), "test").open(t.Context(), "", opts...)
	require.NoError(t, err)
	require.Equal(t, reflex.StreamOptions{StreamFromHead: true, StreamToHead: true}, got)
	require.Nil(t, opts[:2][1])
}
