package kafkarun

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/growth"
)

func TestALeaseEndsWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLease(10 * time.Second)
		require.True(t, l.holds())
		l.extend(time.Now().Add(5 * time.Second))
		l.extend(time.Now()) // an answer that was long on its way shortens nothing
		passTime(14 * time.Second)
		require.True(t, l.holds())
		passTime(time.Second)
		require.False(t, l.holds())
		l.extend(time.Now())
		require.False(t, l.holds(), "an answer that came in says nothing: it may be that we are out")

		asked := 0
		wait := func(ctx context.Context) error { return growth.Wait(ctx, time.Second) }
		require.NoError(t, l.renew(t.Context(), func(context.Context) error {
			if asked++; asked < 3 {
				return errors.New("no member")
			}
			return nil
		}, wait))
		require.Equal(t, 3, asked)
		require.True(t, l.holds())

		passTime(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.ErrorIs(t, l.renew(ctx, func(context.Context) error { return errors.New("no member") }, wait), context.DeadlineExceeded)
	})
}

func TestTheLeaseKnowsTheSessionTimeout(t *testing.T) {
	require.Equal(t, defaultSession, sessionTimeout(nil))
	require.Equal(t, 7*time.Second, sessionTimeout([]kgo.GroupOpt{kgo.SessionTimeout(7 * time.Second)}))
}

// passTime lets virtual time go by.
func passTime(d time.Duration) { <-time.After(d) }
