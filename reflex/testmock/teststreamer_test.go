package testmock_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/reflex/testmock"
)

// source returns a TestStreamer as a source of the suite, with IDs made by id.
func source(tb testing.TB, id func(n int) string) reflextest.Source {
	tb.Helper()
	streamer := testmock.NewTestStreamer(tb)
	var mu sync.Mutex
	var n int
	return reflextest.Source{
		Stream: streamer.StreamFunc(),
		Append: func(_ context.Context, events ...reflex.Event) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			ids := make([]string, len(events))
			for i, e := range events {
				e.ID = id(n)
				n++
				ids[i] = e.ID
				streamer.InsertEvent(e)
			}
			return ids, nil
		},
	}
}

func harness(id func(n int) string) reflextest.StreamHarness {
	return reflextest.StreamHarness{
		New: func(tb testing.TB) reflextest.Source {
			tb.Helper()
			return source(tb, id)
		},
		Live: true, FromHead: true, ToHead: true, Lag: true, Cancel: true, Closer: true,
		TimestampPrecision: time.Nanosecond,
		BinaryForeignIDs:   true, EmptyMetaData: true, Trace: true,
	}
}

func TestStreamOfATestStreamer(t *testing.T) {
	h := harness(strconv.Itoa)
	h.IntegerIDs = true
	// One beyond the end is none of them: a test may set a cursor first and then insert what follows.
	h.BadCursors = []string{"x", "1.5", " 1", "99999999999999999999"}
	reflextest.RunStreamTests(t, h)
}

func TestStreamOfATestStreamerWithIDsThatAreNoIntegers(t *testing.T) {
	h := harness(func(n int) string { return fmt.Sprintf("orders|%d|%x", n, 1000-n) })
	h.BadCursors = []string{"x", "orders", "orders|0|3e7 ", "99999999999999999999"}
	reflextest.RunStreamTests(t, h)
}

func insert(s testmock.TestStreamer, ids ...string) {
	for _, id := range ids {
		s.InsertEvent(reflex.Event{ID: id, Type: eventType(1), Timestamp: time.Now()})
	}
}

func idsToHead(t *testing.T, stream reflex.StreamFunc, after string) []string {
	t.Helper()
	client, err := stream(t.Context(), after, reflex.WithStreamToHead())
	require.NoError(t, err)
	var ids []string
	for {
		e, err := client.Recv()
		if reflex.IsHeadReachedErr(err) {
			return ids
		}
		require.NoError(t, err)
		ids = append(ids, e.ID)
	}
}

// The cursor used to be an index, so that IDs had to be 1 to n.
func TestCursorOfATestStreamer(t *testing.T) {
	for _, test := range []struct {
		name  string
		log   []string
		after string
		want  []string
	}{
		{"none", []string{"0", "1"}, "", []string{"0", "1"}},
		{"zero where IDs begin with it", []string{"0", "1"}, "0", []string{"1"}},
		{"zero where IDs begin with one", []string{"1", "2"}, "0", []string{"1", "2"}},
		{"of a log with holes", []string{"10", "20", "30"}, "20", []string{"30"}},
		{"in a hole", []string{"10", "20", "30"}, "25", []string{"30"}},
		{"beyond the end", []string{"10", "20"}, "99", nil},
		{"of a Kafka store", []string{"6", "7", "8"}, "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4", []string{"8"}},
		{"of a Kafka store, in a hole", []string{"6", "8"}, "7@Rk3sT1x2Q9ilbZk9Pb1xGg", []string{"8"}},
		{"text", []string{"b", "a", "c"}, "a", []string{"c"}},
		{"text with an at sign", []string{"b@x", "a@x"}, "b@x", []string{"a@x"}},
		{"one of several", []string{"a", "a", "b"}, "a", []string{"a", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			streamer := testmock.NewTestStreamer(t)
			insert(streamer, test.log...)
			require.Equal(t, test.want, idsToHead(t, streamer.StreamFunc(), test.after))
		})
	}
}

func TestIntegerCursorOfATestStreamerCountsForWhatComes(t *testing.T) {
	streamer := testmock.NewTestStreamer(t)
	client, err := streamer.StreamFunc()(t.Context(), "2")
	require.NoError(t, err)
	insert(streamer, "1", "2", "3")
	e, err := client.Recv()
	require.NoError(t, err)
	require.Equal(t, "3", e.ID)
}

func TestUnknownCursorOfATestStreamer(t *testing.T) {
	streamer := testmock.NewTestStreamer(t)
	insert(streamer, "a")
	_, err := streamer.StreamFunc()(t.Context(), "b")
	require.ErrorIs(t, err, testmock.ErrUnknownCursor)
}

// A stream used to look for events every 100 ms. In virtual time the latency can be
// told exactly: it is none.
func TestTestStreamerDeliversAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streamer := testmock.NewTestStreamer(t)
		client, err := streamer.StreamFunc()(t.Context(), "")
		require.NoError(t, err)
		go func() {
			<-time.After(time.Second)
			insert(streamer, "1")
		}()
		start := time.Now()
		_, err = client.Recv()
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// It used to be ignored.
func TestTestStreamerHonoursLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streamer := testmock.NewTestStreamer(t)
		client, err := streamer.StreamFunc()(t.Context(), "", reflex.WithStreamLag(time.Minute))
		require.NoError(t, err)
		insert(streamer, "1")
		start := time.Now()
		_, err = client.Recv()
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestStopEndsStreamsOfATestStreamer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streamer := testmock.NewTestStreamer(t)
		insert(streamer, "1")
		waiting, err := streamer.StreamFunc()(t.Context(), "1")
		require.NoError(t, err)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := waiting.Recv()
			require.ErrorIs(t, err, context.Canceled) // as luno/reflex has it
		})
		synctest.Wait()
		streamer.Stop()
		streamer.Stop()
		wg.Wait()

		late, err := streamer.StreamFunc()(t.Context(), "")
		require.NoError(t, err)
		_, err = late.Recv()
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestEndOfTheTestStopsATestStreamer(t *testing.T) {
	var client reflex.StreamClient
	t.Run("test", func(t *testing.T) {
		var err error
		client, err = testmock.NewTestStreamer(t).StreamFunc()(context.Background(), "")
		require.NoError(t, err)
	})
	_, err := client.Recv()
	require.ErrorIs(t, err, context.Canceled)
}

// They used to point into the log: a consumer that changed its event changed it for all.
func TestEventsOfATestStreamerAreCopies(t *testing.T) {
	streamer := testmock.NewTestStreamer(t)
	metadata := []byte("metadata")
	streamer.InsertEvent(reflex.Event{ID: "1", MetaData: metadata, Trace: []byte("trace")})
	metadata[0] = 'M'
	for range 2 {
		client, err := streamer.StreamFunc()(t.Context(), "")
		require.NoError(t, err)
		e, err := client.Recv()
		require.NoError(t, err)
		require.Equal(t, &reflex.Event{ID: "1", MetaData: []byte("metadata"), Trace: []byte("trace")}, e)
		e.ForeignID = "changed"
		e.MetaData[0], e.Trace[0] = 'X', 'X'
	}
}
