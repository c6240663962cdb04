package kafkastream

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

func TestUntilOldEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64().Draw(t, "age"))
		lag := time.Duration(rapid.Int64Min(1).Draw(t, "lag"))
		wait := untilOldEnough(age, lag)
		if age >= lag {
			require.Zero(t, wait)
			return
		}
		require.Positive(t, wait)
		if wait != math.MaxInt64 {
			require.Equal(t, lag, age+wait)
		}
	})
}

// Two hours of an idle stream with lag: events are held until they are old enough, in
// order, and not longer. An event of the future holds back the one behind it.
func TestLagHoldsEventsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, kafkatest.WithVirtualNetwork(new(kfake.VirtualNetwork)))
		began := time.Now()
		write := func(at time.Time, value string) {
			require.NoError(t, s.writer.ProduceSync(t.Context(), &kgo.Record{Value: []byte(value), Timestamp: at}).FirstErr())
		}
		write(began.Add(-3*time.Hour), "event 0") // old
		write(began, "event 1")
		write(began.Add(time.Hour), "event 2") // of the future
		write(began.Add(time.Minute), "event 3")

		client, err := s.Stream(t.Context(), "", reflex.WithStreamLag(time.Hour))
		require.NoError(t, err)
		defer client.(*stream).Close()
		for i, want := range []time.Duration{0, time.Hour, 2 * time.Hour, 2 * time.Hour} {
			s.take(client, 1)
			require.Equal(t, want, time.Since(began).Truncate(time.Second), "event %d", i)
		}
	})
}

func TestAnEventTooYoungIsHead(t *testing.T) {
	s := newSource(t)
	now := time.Now()
	for i, at := range []time.Time{now.Add(-2 * time.Hour), now, now.Add(-2 * time.Hour)} {
		rec := &kgo.Record{Value: []byte("event " + string(rune('0'+i))), Timestamp: at}
		require.NoError(t, s.writer.ProduceSync(s.ctx, rec).FirstErr())
	}
	require.Equal(t, []string{"0"}, s.toHead("", reflex.WithStreamLag(time.Hour)))
}

func TestLagEndsWithTheStream(t *testing.T) {
	s := newSource(t)
	s.write(0, 1)
	client := s.open("", reflex.WithStreamLag(time.Hour))
	failed := make(chan error, 1)
	go func() {
		_, err := client.Recv()
		failed <- err
	}()
	require.NoError(t, client.(*stream).Close())
	require.ErrorIs(t, <-failed, ErrClosed)
}
