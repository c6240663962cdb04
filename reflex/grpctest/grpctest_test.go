package grpctest_test

import (
	"context"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/grpctest"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/reflex/testmock"
)

// source returns a TestStreamer over gRPC as a source of the suite.
func source(tb testing.TB) reflextest.Source {
	tb.Helper()
	streamer := testmock.NewTestStreamer(tb)
	_, url := grpctest.NewServer(tb, streamer.StreamFunc(), nil)
	var mu sync.Mutex
	var n int
	return reflextest.Source{
		Stream: grpctest.NewClient(tb, url).StreamEvents,
		Append: func(_ context.Context, events ...reflex.Event) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			ids := make([]string, len(events))
			for i, e := range events {
				e.ID = strconv.Itoa(n)
				n++
				ids[i] = e.ID
				streamer.InsertEvent(e)
			}
			return ids, nil
		},
	}
}

// A server looks for the head ahead of its client, so a stream to head can't know of what is appended
// later, as the suite asks of a source that is live. So there are two harnesses, each of
// which declares half of it.
func harness() reflextest.StreamHarness {
	return reflextest.StreamHarness{
		New: source,
		Lag: true, Cancel: true, Closer: true, IntegerIDs: true,
		BadCursors:         []string{"x", "1.5", " 1", "99999999999999999999"},
		TimestampPrecision: time.Nanosecond,
		// Foreign IDs are UTF-8 and empty metadata is none, as the messages have it.
		Trace: true,
		// A connection may take a while on a machine that is busy with other tests.
		Prompt: 10 * time.Second,
	}
}

func TestStreamOverGRPC(t *testing.T) {
	h := harness()
	h.Live, h.FromHead = true, true
	reflextest.RunStreamTests(t, h)
}

func TestStreamToHeadOverGRPC(t *testing.T) {
	h := harness()
	h.ToHead = true
	reflextest.RunStreamTests(t, h)
}

type eventType int

func (t eventType) ReflexType() int { return int(t) }

// waitFor returns when ok is true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 30*time.Second, time.Millisecond, what)
}

// endless is a stream of small events that are there at once.
func endless(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	return &endlessClient{ctx: ctx}, nil
}

type endlessClient struct {
	ctx context.Context
	n   int
}

func (c *endlessClient) Recv() (*reflex.Event, error) {
	c.n++
	return &reflex.Event{
		ID: strconv.Itoa(c.n), Type: eventType(1), ForeignID: strconv.Itoa(c.n), Timestamp: time.Unix(math.MaxInt32, 0),
	}, c.ctx.Err()
}

// A client that doesn't receive holds up the server, with no more than the buffers of the
// transport between them.
func TestClientThatDoesNotReceiveHoldsUpTheServer(t *testing.T) {
	srv, url := grpctest.NewServer(t, endless, nil)
	client, err := grpctest.NewClient(t, url).StreamEvents(t.Context(), "")
	require.NoError(t, err)
	_, err = client.Recv()
	require.NoError(t, err)

	sent := heldUp(t, srv)
	require.Greater(t, sent, 2000.0)
	require.Less(t, sent, 5000.0)
}

// heldUp returns how many events were sent when the server sends no more.
func heldUp(t *testing.T, srv *grpctest.Server) float64 {
	t.Helper()
	var before float64
	var still int
	waitFor(t, "the server is held up", func() bool {
		sent := srv.SentCount()
		if sent != before || sent < 2000 {
			still = 0
		}
		before = sent
		still++
		return still == 100
	})
	return before
}

// The Send of a stream whose client doesn't receive is not ended by any context but the stream's.
func TestStopEndsAStreamWhoseClientDoesNotReceive(t *testing.T) {
	srv, url := grpctest.NewServer(t, endless, nil)
	client, err := grpctest.NewClient(t, url).StreamEvents(t.Context(), "")
	require.NoError(t, err)
	heldUp(t, srv)

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.Stop()
	}()
	// What was sent is received, and then that the server stopped.
	for {
		_, err := client.Recv()
		if err != nil {
			require.Truef(t, reflex.IsStoppedErr(err), "got: %v", err)
			break
		}
	}
	<-stopped
}

// A graceful stop waits until the client has what was sent, and so for ever if it doesn't receive.
func TestStopIsBoundedWhenTheClientDoesNotReceive(t *testing.T) {
	srv, url := grpctest.NewServer(t, endless, nil)
	client, err := grpctest.NewClient(t, url).StreamEvents(t.Context(), "")
	require.NoError(t, err)
	heldUp(t, srv)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		srv.Stop()
	}()
	select {
	case <-stopped:
	case <-time.After(30 * time.Second):
		require.Fail(t, "Stop waits for a client that does not receive")
	}
	for err == nil {
		_, err = client.Recv()
	}
}

func TestStopMayBeCalledAgain(t *testing.T) {
	streamer := testmock.NewTestStreamer(t)
	srv, url := grpctest.NewServer(t, streamer.StreamFunc(), nil)
	client, err := grpctest.NewClient(t, url).StreamEvents(t.Context(), "")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(srv.Stop)
	}
	_, err = client.Recv()
	require.Truef(t, reflex.IsStoppedErr(err), "got: %v", err)
	wg.Wait()
	srv.Stop()
}

// A test that ends at once, as one that skips itself, stopped the server before it had begun to serve: the
// test failed for that.
func TestAServerThatNobodyUsedIsNoError(t *testing.T) {
	for range 100 {
		t.Run("", func(t *testing.T) {
			grpctest.NewServer(t, reflex.NewMockStream(nil, nil), nil)
		})
	}
}
