package reflex_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func TestLagHoldsEachEventUntilItIsOldEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ages := []time.Duration{-time.Minute, 0, time.Hour}
		list := events(len(ages))
		for i, age := range ages {
			list[i].Timestamp = start.Add(age)
		}
		var consumed []time.Duration
		consumer := consumerOf(func(context.Context, *reflex.Event) error {
			consumed = append(consumed, time.Since(start))
			return nil
		})
		spec := reflex.NewSpec(reflex.NewMockStream(list, errEnd), new(fakeStore), consumer,
			reflex.WithStreamLag(30*time.Second))
		require.EqualError(t, reflex.Run(t.Context(), spec), "recv error: end")
		require.Equal(t, []time.Duration{0, 30 * time.Second, time.Hour + 30*time.Second}, consumed)
	})
}

func TestCancelWhileWaitingForTheLagIsTheBareError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		store := new(fakeStore)
		spec := reflex.NewSpec(reflex.NewMockStream(events(1), errEnd), store, consumerOf(nil),
			reflex.WithStreamLag(time.Minute))
		require.Equal(t, context.DeadlineExceeded, reflex.Run(ctx, spec))
		require.Empty(t, store.cursor("consumer"))
	})
}

// An option that sets a lag and something else lost the something else: it was
// taken from the stream whole. And a lag could not be taken back by a later option.
func TestOptionsBesidesTheLagReachTheStream(t *testing.T) {
	lagAndHead := func(o *reflex.StreamOptions) {
		o.Lag = time.Minute
		o.StreamToHead = true
	}
	tests := []struct {
		name   string
		opts   []reflex.StreamOption
		stream reflex.StreamOptions
		waits  time.Duration
	}{
		{name: "none"},
		{
			name:   "lag and head in one",
			opts:   []reflex.StreamOption{lagAndHead},
			stream: reflex.StreamOptions{StreamToHead: true},
			waits:  time.Minute,
		},
		{
			name:   "lag, then others",
			opts:   []reflex.StreamOption{reflex.WithStreamLag(time.Minute), reflex.WithStreamFromHead()},
			stream: reflex.StreamOptions{StreamFromHead: true},
			waits:  time.Minute,
		},
		{
			name:  "the last lag holds",
			opts:  []reflex.StreamOption{reflex.WithStreamLag(time.Minute), reflex.WithStreamLag(time.Second)},
			waits: time.Second,
		},
		{
			name:   "lag taken back",
			opts:   []reflex.StreamOption{lagAndHead, reflex.WithStreamLag(0)},
			stream: reflex.StreamOptions{StreamToHead: true},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mock := reflex.NewMockStream(events(1), errEnd)
				var got reflex.StreamOptions
				stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
					got = reflex.ResolveOptions(opts...)
					return mock(ctx, after)
				}
				start := time.Now()
				// Room behind the options, into which Run must not append.
				opts := append(make([]reflex.StreamOption, 0, 8), test.opts...)
				err := reflex.Run(t.Context(), reflex.NewSpec(stream, new(fakeStore), consumerOf(nil), opts...))
				require.EqualError(t, err, "recv error: end")
				require.Equal(t, test.stream, got)
				require.Equal(t, test.waits, time.Since(start))
				for _, opt := range opts[len(opts):cap(opts)] {
					require.Nil(t, opt)
				}
			})
		})
	}
}
