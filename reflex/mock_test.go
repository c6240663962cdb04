package reflex_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func TestMockStream(t *testing.T) {
	list := []*reflex.Event{event(0), event(1), event(2)}
	stream := reflex.NewMockStream(list, errEnd)
	for after, want := range map[string][]*reflex.Event{"": list, "0": list[1:], "1": list[2:], "7": nil} {
		t.Run("after "+after, func(t *testing.T) {
			client, err := stream(t.Context(), after, reflex.WithStreamFromHead())
			require.NoError(t, err)
			for _, e := range want {
				got, err := client.Recv()
				require.NoError(t, err)
				require.Same(t, e, got)
			}
			for range 2 {
				got, err := client.Recv()
				require.Nil(t, got)
				require.Equal(t, errEnd, err)
			}
		})
	}

	_, err := stream(t.Context(), "x")
	require.ErrorContains(t, err, "cursor is not an integer")
}

// It used to return neither an event nor an error, which no stream may do.
func TestMockStreamWithoutEndBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client, err := reflex.NewMockStream(events(1), nil)(ctx, "")
		require.NoError(t, err)
		_, err = client.Recv()
		require.NoError(t, err)

		ended := make(chan error)
		go func() {
			_, err := client.Recv()
			ended <- err
		}()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("returned %v before the end of its context", err)
		default:
		}
		cancel()
		require.Equal(t, context.Canceled, <-ended)
	})
}

func TestMockStreamObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client, err := reflex.NewMockStream(events(2), errEnd)(ctx, "")
	require.NoError(t, err)
	_, err = client.Recv()
	require.NoError(t, err)
	cancel()
	e, err := client.Recv()
	require.Nil(t, e)
	require.Equal(t, context.Canceled, err)
}
