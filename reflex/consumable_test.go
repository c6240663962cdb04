package reflex_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// optionsOf returns a stream that notes what it is opened with.
func optionsOf(got *reflex.StreamOptions) reflex.StreamFunc {
	return func(_ context.Context, _ string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		*got = reflex.ResolveOptions(opts...)
		return nil, errEnd
	}
}

func TestConsumableRunsTheConsumer(t *testing.T) {
	store := new(fakeStore)
	consumable := reflex.NewConsumable(reflex.NewMockStream(events(3), errEnd), store)
	err := consumable.Consume(t.Context(), consumerOf(nil))
	require.EqualError(t, err, "recv error: end")
	require.Equal(t, "3", store.cursor("consumer"))

	var consume reflex.ConsumeFunc = consumable.Consume
	require.EqualError(t, consume(t.Context(), consumerOf(nil)), "recv error: end")
}

// The options given to NewConsumable were dropped: a consumer that was to start from head, or to end there, did neither.
func TestConsumableHasItsOptionsAndThoseOfTheCall(t *testing.T) {
	var got reflex.StreamOptions
	own := make([]reflex.StreamOption, 0, 3)
	own = append(own, reflex.WithStreamFromHead())
	consumable := reflex.NewConsumable(optionsOf(&got), new(fakeStore), own...)
	own[0] = reflex.WithStreamLag(time.Hour) // and they are its own

	require.Equal(t, errEnd, consumable.Consume(t.Context(), consumerOf(nil)))
	require.Equal(t, reflex.StreamOptions{StreamFromHead: true}, got)

	require.Equal(t, errEnd, consumable.Consume(t.Context(), consumerOf(nil), reflex.WithStreamToHead()))
	require.Equal(t, reflex.StreamOptions{StreamFromHead: true, StreamToHead: true}, got)

	last := func(o *reflex.StreamOptions) { o.StreamFromHead = false }
	require.Equal(t, errEnd, consumable.Consume(t.Context(), consumerOf(nil), last))
	require.Equal(t, reflex.StreamOptions{}, got)
	require.Nil(t, own[:3][1], "written beyond the length of the options")
}
