package migrate

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// The writer waits for a full batch. The next event is so large that there is no room for it beside what the
// batch holds already, and room is made by writing the batch: both would wait for ever.
func TestBatchIsNotWaitedForWhenThereIsNoRoom(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := reflex.NewMockStream([]*reflex.Event{
		{ID: "1", MetaData: make([]byte, batchBytes/2)},
		{ID: "2", MetaData: make([]byte, roomBytes-batchBytes/4)},
		{ID: "3"},
	}, reflex.ErrHeadReached)(ctx, "")
	require.NoError(t, err)
	f := newFeed("orders", 0, "", 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx, stream)
	}()

	var batches [][]string
	for {
		b, err := f.collect(ctx, 10, true)
		require.NoError(t, err)
		var ids []string
		for _, i := range b.items {
			ids = append(ids, i.sourceID)
		}
		batches = append(batches, ids)
		f.room.Release(b.weight)
		if b.end != nil {
			break
		}
	}
	require.Equal(t, [][]string{{"1"}, {"2"}, {"3"}}, batches)
	<-done
}

// A transaction for each few events that happened to be there would make a copy slow, and its offsets differ each time.
func TestCopyOfWhatIsThereFillsItsBatches(t *testing.T) {
	f := newFeed("orders", 0, "", 4)
	arrive := make(chan struct{})
	go func() {
		f.items <- item{sourceID: "1"}
		<-arrive
		f.items <- item{sourceID: "2"}
		f.items <- item{err: reflex.ErrHeadReached}
	}()
	live, err := f.collect(t.Context(), 4, false)
	require.NoError(t, err)
	require.Len(t, live.items, 1, "who follows wants to see it")
	go func() {
		f.items <- item{sourceID: "1"}
		close(arrive)
	}()
	once, err := f.collect(t.Context(), 4, true)
	require.NoError(t, err)
	require.Len(t, once.items, 2)
	require.ErrorIs(t, once.end, reflex.ErrHeadReached)
}
