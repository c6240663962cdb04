package main

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// batching runs batches of up to 3 events, which wait a second.
type batching struct {
	stream *fakeStream
	store  reflex.CursorStore
	sink   *fakeSink
	ended  chan error
}

func startBatching(ctx context.Context) *batching {
	b := &batching{
		stream: newFakeStream(), sink: &fakeSink{}, ended: make(chan error, 1),
		store: rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", "0")),
	}
	go func() {
		b.ended <- batches{
			stream: b.stream.open, cursors: b.store, name: "billing", size: 3, wait: time.Second, sink: b.sink,
		}.run(ctx)
	}()
	return b
}

func (b *batching) cursor(t *testing.T) string {
	t.Helper()
	cursor, err := b.store.GetCursor(t.Context(), "billing")
	require.NoError(t, err)
	return cursor
}

func (b *batching) feed(events int) {
	for range events {
		b.stream.feed <- nil
	}
}

func TestBatchIsTakenWhenItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBatching(t.Context())
		b.feed(7)
		synctest.Wait()
		require.Equal(t, "0", b.stream.after)
		require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}}, b.sink.taken())
		require.Equal(t, "6", b.cursor(t), "7 is not taken yet")
		b.stream.feed <- reflex.ErrHeadReached
		require.ErrorIs(t, <-b.ended, reflex.ErrHeadReached)
	})
}

func TestBatchIsTakenWhenItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBatching(t.Context())
		time.Sleep(time.Hour) // counts from the first event, not from the start
		b.feed(1)
		time.Sleep(900 * time.Millisecond)
		b.feed(1)
		synctest.Wait()
		require.Empty(t, b.sink.taken())
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, [][]string{{"1", "2"}}, b.sink.taken())
		require.Equal(t, "2", b.cursor(t))
		b.stream.feed <- io.ErrUnexpectedEOF
		require.ErrorIs(t, <-b.ended, io.ErrUnexpectedEOF)
	})
}

func TestLastBatchBeforeTheHeadIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBatching(t.Context())
		b.feed(2)
		b.stream.feed <- reflex.ErrHeadReached
		err := <-b.ended
		require.True(t, reachedHead(err), err)
		require.Equal(t, [][]string{{"1", "2"}}, b.sink.taken())
		require.Equal(t, "2", b.cursor(t))
	})
}

// What was gathered but not started when the stream ended comes again: the cursor
// is before it.
func TestUnfinishedBatchIsDroppedWhenTheStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := startBatching(ctx)
		b.feed(4)
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-b.ended, context.Canceled)
		require.Equal(t, [][]string{{"1", "2", "3"}}, b.sink.taken())
		require.Equal(t, "3", b.cursor(t))
	})
}

func TestBatchThatIsNotTakenLeavesTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBatching(t.Context())
		b.feed(3)
		synctest.Wait()
		b.sink.refuse(newSinkError([]*reflex.Event{{ID: "4"}, {ID: "6"}}, "command", io.ErrUnexpectedEOF))
		b.feed(3)
		err := <-b.ended
		require.ErrorIs(t, err, errCommand)
		require.EqualError(t, err, "consume error: command: unexpected EOF: the cursor stays before events 4 to 6")
		require.Equal(t, "3", b.cursor(t))
		_, open := <-b.stream.closed
		require.False(t, open, "the stream is closed")
	})
}

// A failed flush at the end must not look like a clean end: the batch comes again.
func TestBatchesReportAFlushThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream := newFakeStream()
		ended := make(chan error, 1)
		go func() {
			ended <- batches{
				stream: stream.open, cursors: unflushable{rpatterns.MemCursorStore()}, name: "billing", size: 3, wait: time.Second, sink: &fakeSink{},
			}.run(t.Context())
		}()
		stream.feed <- reflex.ErrHeadReached
		err := <-ended
		require.False(t, finished(err, true))
		require.Equal(t, exitTransient, exitCodeOf(err))
	})
}

type unflushable struct{ reflex.CursorStore }

func (unflushable) Flush(context.Context) error { return io.ErrUnexpectedEOF }
