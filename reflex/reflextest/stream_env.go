package reflextest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// eventType is a type of the suite's own: only its number may matter.
type eventType int

func (t eventType) ReflexType() int { return int(t) }

// streamEnv is what a case works with: a source of its own, and calls that
// come back.
type streamEnv struct {
	tb  testing.TB
	h   StreamHarness
	src Source
}

func (h StreamHarness) env(tb testing.TB) *streamEnv {
	tb.Helper()
	return &streamEnv{tb: tb, h: h, src: h.New(tb)}
}

// numbered returns n events that can be told apart.
func numbered(n int) []reflex.Event {
	events := make([]reflex.Event, n)
	for i := range events {
		events[i] = reflex.Event{
			Type:      eventType(i%5 + 1),
			ForeignID: "thing " + strconv.Itoa(i),
			Timestamp: time.Now(),
			MetaData:  []byte("metadata " + strconv.Itoa(i)),
		}
	}
	return events
}

// call runs a function of the harness and requires that it succeeds in time.
func (e *streamEnv) call(what string, f func(context.Context) error) {
	e.tb.Helper()
	var err error
	within(e.tb, e.h.Timeout, what, func() {
		ctx, cancel := context.WithTimeout(e.tb.Context(), e.h.Timeout)
		defer cancel()
		err = f(ctx)
	})
	require.NoError(e.tb, err, what)
}

// append adds events and returns their IDs.
func (e *streamEnv) append(events ...reflex.Event) []string {
	e.tb.Helper()
	return e.appendBy("Append", e.src.Append, events)
}

type appendFunc func(ctx context.Context, events ...reflex.Event) ([]string, error)

func (e *streamEnv) appendBy(what string, appendTo appendFunc, events []reflex.Event) []string {
	e.tb.Helper()
	var ids []string
	e.call(what, func(ctx context.Context) (err error) {
		ids, err = appendTo(ctx, events...)
		return err
	})
	require.Len(e.tb, ids, len(events), "IDs returned by "+what)
	return ids
}

// truncate removes the events before an ID.
func (e *streamEnv) truncate(before string) {
	e.tb.Helper()
	e.call("Truncate", func(ctx context.Context) error { return e.src.Truncate(ctx, before) })
}

// tx is an open transaction.
type tx struct {
	env *streamEnv
	tx  Tx
}

func (e *streamEnv) begin() tx {
	e.tb.Helper()
	res := tx{env: e}
	e.call("BeginTx", func(ctx context.Context) (err error) {
		res.tx, err = e.src.BeginTx(ctx)
		return err
	})
	return res
}

func (t tx) append(events ...reflex.Event) []string {
	t.env.tb.Helper()
	return t.env.appendBy("Tx.Append", t.tx.Append, events)
}

func (t tx) commit() {
	t.env.tb.Helper()
	t.env.call("Tx.Commit", t.tx.Commit)
}

func (t tx) abort() {
	t.env.tb.Helper()
	t.env.call("Tx.Abort", t.tx.Abort)
}

// reader is an open stream. Calls after another fail the test if they take too
// long, so that a stream that hangs cannot hang the test.
type reader struct {
	env    *streamEnv
	client reflex.StreamClient
	cancel context.CancelFunc
}

// open opens a stream that is closed at the end of the case.
func (e *streamEnv) open(after string, opts ...reflex.StreamOption) *reader {
	e.tb.Helper()
	r, err := e.tryOpen(e.tb.Context(), after, opts...)
	require.NoErrorf(e.tb, err, "open a stream after %q", after)
	return r
}

// tryOpen is open where an error is allowed.
func (e *streamEnv) tryOpen(ctx context.Context, after string, opts ...reflex.StreamOption) (*reader, error) {
	e.tb.Helper()
	ctx, cancel := context.WithCancel(ctx)
	e.tb.Cleanup(cancel) // as vet cannot see that the reader's cleanup does
	var client reflex.StreamClient
	var err error
	within(e.tb, e.h.Timeout, "StreamFunc", func() { client, err = e.src.Stream(ctx, after, opts...) })
	if err != nil {
		cancel()
		return nil, err
	}
	require.NotNil(e.tb, client, "StreamFunc returned neither a client nor an error")
	r := &reader{env: e, client: client, cancel: cancel}
	e.tb.Cleanup(func() {
		if closer, ok := client.(io.Closer); ok {
			// Whatever it returns: the case may have closed it already.
			if problem := begin(func() { _ = closer.Close() }).outcome(e.h.Timeout); problem != "" {
				e.tb.Error("Close" + problem)
			}
		}
		cancel()
	})
	return r, nil
}

// received is what one call of Recv returned.
type received struct {
	event *reflex.Event
	err   error
}

// begin calls Recv and returns before it does. The result is valid once the
// call is done; no other call may be made before.
func (r *reader) begin() (*pending, *received) {
	var res received
	return begin(func() { res.event, res.err = r.client.Recv() }), &res
}

// requireBlocked requires that a call of Recv has nothing to return.
func (e *streamEnv) requireBlocked(call *pending, res *received) {
	e.tb.Helper()
	if call.blocks() {
		return // and res is not to be read yet
	}
	call.wait(e.tb, e.h.Timeout, "Recv") // tells a panic
	require.False(e.tb, res.event == nil && res.err == nil, "Recv returned neither an event nor an error")
	if res.event != nil {
		require.FailNow(e.tb, "Recv returned where it should wait", "event %s", res.event.ID)
	}
	require.FailNow(e.tb, "Recv returned where it should wait", "error: %v", res.err)
}

// recv returns what Recv does.
func (r *reader) recv() (*reflex.Event, error) {
	r.env.tb.Helper()
	return r.recvWithin(r.env.h.Timeout)
}

func (r *reader) recvWithin(limit time.Duration) (*reflex.Event, error) {
	r.env.tb.Helper()
	call, res := r.begin()
	call.wait(r.env.tb, limit, "Recv")
	if res.err == nil {
		require.NotNil(r.env.tb, res.event, "Recv returned neither an event nor an error")
	}
	return res.event, res.err
}

// take returns the next n events.
func (r *reader) take(n int) []*reflex.Event {
	r.env.tb.Helper()
	deadline := time.Now().Add(r.env.h.Timeout)
	events := make([]*reflex.Event, 0, n)
	for range n {
		progress := fmt.Sprintf("after %d of %d events", len(events), n)
		if len(events) > 0 {
			progress += ", the last " + events[len(events)-1].ID
		}
		call, res := r.begin()
		call.wait(r.env.tb, time.Until(deadline), "Recv "+progress)
		require.NoError(r.env.tb, res.err, "Recv "+progress)
		require.NotNil(r.env.tb, res.event, "Recv returned neither an event nor an error "+progress)
		events = append(events, res.event)
	}
	return events
}

// recvN is for goroutines that may not end the test.
func recvN(client reflex.StreamClient, n int) ([]*reflex.Event, error) {
	events := make([]*reflex.Event, 0, n)
	for range n {
		event, err := client.Recv()
		if err != nil {
			return events, err
		}
		if event == nil {
			return events, errors.New("Recv returned neither an event nor an error")
		}
		events = append(events, event)
	}
	return events, nil
}

// takeToEnd returns the events up to the error that ends the stream.
func (r *reader) takeToEnd() ([]*reflex.Event, error) {
	r.env.tb.Helper()
	var events []*reflex.Event
	var err error
	within(r.env.tb, r.env.h.Timeout, "the end of the stream", func() {
		for {
			var more []*reflex.Event
			more, err = recvN(r.client, 1)
			events = append(events, more...)
			if err != nil {
				return
			}
		}
	})
	return events, err
}

// toHead opens a stream to head and returns what it delivers before it ends.
func (e *streamEnv) toHead(after string, opts ...reflex.StreamOption) []*reflex.Event {
	e.tb.Helper()
	r := e.open(after, append([]reflex.StreamOption{reflex.WithStreamToHead()}, opts...)...)
	events, err := r.takeToEnd()
	requireHead(e.tb, err)
	r.close()
	return events
}

// atHead requires that the stream has nothing more to deliver, where the
// source can tell.
func (e *streamEnv) atHead(after string) {
	e.tb.Helper()
	if e.h.ToHead {
		requireIDs(e.tb, nil, e.toHead(after))
	}
}

// close ends the stream before the end of the case.
func (r *reader) close() {
	r.env.tb.Helper()
	if closer, ok := r.client.(io.Closer); ok {
		var err error
		within(r.env.tb, r.env.h.Prompt, "Close", func() { err = closer.Close() })
		require.NoError(r.env.tb, err, "Close")
	}
	r.cancel()
}

// requireHead requires the error that a stream to head ends with.
func requireHead(tb testing.TB, err error) {
	tb.Helper()
	require.Truef(tb, reflex.IsHeadReachedErr(err), "want the error to be ErrHeadReached, got: %v", err)
}

// requireRefused requires an error that says no for a reason of the source's.
func requireRefused(tb testing.TB, err error, what string) {
	tb.Helper()
	require.Error(tb, err, what)
	require.Falsef(tb, reflex.IsHeadReachedErr(err), "%s: a stream that cannot begin is not at its head", what)
	require.Falsef(tb, errors.IsAny(err, context.Canceled, context.DeadlineExceeded), "%s: %v", what, err)
}

// requireIDs requires just these events in this order.
func requireIDs(tb testing.TB, want []string, got []*reflex.Event) {
	tb.Helper()
	ids := make([]string, len(got))
	for i, event := range got {
		ids[i] = event.ID
	}
	if len(want) == 0 && len(ids) == 0 {
		return // nil or not
	}
	require.Equal(tb, want, ids, "IDs of the events delivered")
}

// requireSame requires an event as it was appended. Timestamps are a case of
// their own, as a source may set them.
func requireSame(tb testing.TB, want reflex.Event, got *reflex.Event) {
	tb.Helper()
	require.NotNil(tb, got.Type, "type of event %s", got.ID)
	require.Equal(tb, want.Type.ReflexType(), got.Type.ReflexType(), "type of event %s", got.ID)
	require.Equal(tb, want.ForeignID, got.ForeignID, "foreign ID of event %s", got.ID)
	require.Truef(tb, bytes.Equal(want.MetaData, got.MetaData), "metadata of event %s: want %d bytes, %.40q, got %d, %.40q",
		got.ID, len(want.MetaData), want.MetaData, len(got.MetaData), got.MetaData)
}
