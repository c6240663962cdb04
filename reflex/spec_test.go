package reflex_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func TestNilOptionPanicsEarly(t *testing.T) {
	require.PanicsWithValue(t, "nil opt passed in", func() {
		reflex.NewSpec(nil, nil, nil, reflex.WithStreamToHead(), nil)
	})
}

func TestSpecHasItsConsumersName(t *testing.T) {
	require.Equal(t, "consumer", reflex.NewSpec(nil, nil, consumerOf(nil)).Name())
}

type stoppable struct {
	fakeConsumer
	err error
}

func (s stoppable) Stop() error { return s.err }

func TestSpecStopsAConsumerThatCanBeStopped(t *testing.T) {
	require.NoError(t, reflex.NewSpec(nil, nil, consumerOf(nil)).Stop())
	require.Equal(t, errEnd, reflex.NewSpec(nil, nil, stoppable{err: errEnd}).Stop())
}

func TestSpecIsReusable(t *testing.T) {
	var consumed []string
	store := new(fakeStore)
	spec := reflex.NewSpec(reflex.NewMockStream(events(4), errEnd), store,
		consumerOf(func(_ context.Context, e *reflex.Event) error {
			consumed = append(consumed, e.ID)
			if len(consumed) == 3 {
				return errDone
			}
			return nil
		}))
	require.EqualError(t, reflex.Run(t.Context(), spec), "consume error: done")
	require.EqualError(t, reflex.Run(t.Context(), spec), "recv error: end")
	require.EqualError(t, reflex.Run(t.Context(), spec), "recv error: end")
	require.Equal(t, []string{"1", "2", "3", "3", "4"}, consumed)
}

// A caller that fills one slice of options for several specs must not change a
// spec that it made before.
func TestSpecKeepsItsOptions(t *testing.T) {
	var got reflex.StreamOptions
	stream := func(_ context.Context, _ string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		got = reflex.ResolveOptions(opts...)
		clear(opts)
		return nil, errEnd
	}
	opts := []reflex.StreamOption{reflex.WithStreamToHead()}
	spec := reflex.NewSpec(stream, new(fakeStore), consumerOf(nil), opts...)
	opts[0] = reflex.WithStreamFromHead()
	for range 2 {
		require.Equal(t, errEnd, reflex.Run(t.Context(), spec))
		require.Equal(t, reflex.StreamOptions{StreamToHead: true}, got)
	}
}
