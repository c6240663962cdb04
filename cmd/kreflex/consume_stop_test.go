package main

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStreamEndsWhenItIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithCancel(t.Context())
		fake := newFakeStream()
		client, err := stopping(stop, fake.open)(t.Context(), "7")
		require.NoError(t, err)
		require.Equal(t, "7", fake.after)

		ended := make(chan error, 1)
		go func() {
			_, err := client.Recv()
			ended <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, client.(io.Closer).Close())
		_, open := <-fake.closed
		require.False(t, open)
	})
}

// The events that a stream has fetched ahead would each be handed out and
// consumed, long after somebody asked to stop.
func TestNoEventIsTakenOnceAskedToStop(t *testing.T) {
	stop, cancel := context.WithCancel(t.Context())
	fake := newFakeStream()
	client, err := stopping(stop, fake.open)(t.Context(), "")
	require.NoError(t, err)
	cancel()
	go func() { fake.feed <- nil }()
	_, err = client.Recv()
	require.ErrorIs(t, err, context.Canceled)
	<-fake.feed
	require.NoError(t, client.(io.Closer).Close())
}

func TestWorkInHandGoesOnForTheGraceTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, cancel := context.WithCancel(t.Context())
		work, done := graceful(stop, time.Second)
		defer done()
		cancel()
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		require.NoError(t, work.Err())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		require.ErrorIs(t, work.Err(), context.Canceled)
	})
}

func TestWorkIsNotEndedWhileNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work, done := graceful(t.Context(), time.Second)
		time.Sleep(1000 * time.Hour)
		require.NoError(t, work.Err())
		done()
		require.ErrorIs(t, work.Err(), context.Canceled)
	})
}
