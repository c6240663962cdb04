package rpatterns_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// The options of the constructor used to be dropped: a consumer that was to end at the head waited
// there for ever.
func TestBootstrapConsumableHasItsOptions(t *testing.T) {
	log := newFakeLog("1", "2")
	consumable := rpatterns.NewBootstrapConsumable(log.stream, newFakeStore(), reflex.WithStreamToHead())
	consumer := reflex.NewConsumer("boot", func(context.Context, *reflex.Event) error { return nil })
	require.ErrorIs(t, consumable.Consume(t.Context(), consumer), reflex.ErrHeadReached)
}

// The stream can't name its head. The first event behind it fails, more come, and a second call of
// Consume began at the new head: the one that failed was lost...

func TestBootstrapConsumableRemembersTheEventThatFailed(t *testing.T) {
	log := newFakeLog("1")
	consumable := rpatterns.NewBootstrapConsumable(log.stream, newFakeStore())
	failed := errors.New("failed")
	var got []string
	consumer := func(name string, fail bool) reflex.Consumer {
		return reflex.NewConsumer(name, func(_ context.Context, e *reflex.Event) error {
			got = append(got, name+" "+e.ID)
			if fail || e.ID == "3" {
				return failed
			}
			return nil
		})
	}
	run := func(c reflex.Consumer) {
		t.Helper()
		opened := len(log.openedAfter())
		ended := make(chan error, 1)
		go func() { ended <- consumable.Consume(t.Context(), c) }()
		require.Eventually(t, func() bool { return len(log.openedAfter()) > opened }, 5*time.Second, time.Millisecond)
		if opened == 0 {
			log.append("2", "3")
		}
		require.ErrorIs(t, <-ended, failed)
	}
	run(consumer("a", true))
	run(consumer("a", false))
	require.Equal(t, []string{"a 2", "a 2", "a 3"}, got)
}
