package reflextest

import (
	"context"
	"io"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// endCases are about ending a stream from outside, by its context or Close.
func endCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "a cancelled context opens nothing",
			contract: "With a context that is done, StreamFunc or the first Recv returns its error, also when there are events.",
			needs:    needsOf(needCancel),
			run: func(e *streamEnv) {
				e.append(numbered(3)...)
				ctx, cancel := context.WithCancel(e.tb.Context())
				cancel()
				r, err := e.tryOpen(ctx, "")
				if err == nil {
					_, err = r.recvWithin(e.h.Prompt)
				}
				require.Truef(e.tb, errors.Is(err, context.Canceled), "want context.Canceled, got: %v", err)
			},
		},
		{
			name:     "cancel ends a blocked Recv",
			contract: "Recv returns the error of its context soon after that is cancelled.",
			needs:    needsOf(needCancel, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(1)...)
				r := e.open("")
				requireIDs(e.tb, ids, r.take(1))
				call, res := r.begin()
				e.requireBlocked(call, res)
				r.cancel()
				call.wait(e.tb, e.h.Prompt, "Recv, after the context was cancelled,")
				require.Truef(e.tb, errors.Is(res.err, context.Canceled), "want context.Canceled, got: %v", res.err)

				_, err := r.recvWithin(e.h.Prompt)
				require.Error(e.tb, err, "Recv of a stream that has ended")
			},
		},
		{
			name:     "a deadline ends a blocked Recv",
			contract: "Recv returns the error of its context soon after the deadline.",
			needs:    needsOf(needCancel, needLive),
			run: func(e *streamEnv) {
				const patience = time.Second // enough to open a stream
				ctx, cancel := context.WithTimeout(e.tb.Context(), patience)
				defer cancel()
				r, err := e.tryOpen(ctx, "")
				if err == nil {
					_, err = r.recvWithin(patience + e.h.Prompt)
				}
				require.Truef(e.tb, errors.Is(err, context.DeadlineExceeded), "want context.DeadlineExceeded, got: %v", err)
			},
		},
		{
			name:     "cancel ends a stream with events left",
			contract: "A stream whose context is cancelled ends, and what it still delivers is in order.",
			needs:    needsOf(needCancel, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(500)...)
				r := e.open("")
				requireIDs(e.tb, ids[:1], r.take(1))
				r.cancel()
				var events []*reflex.Event
				var err error
				within(e.tb, e.h.Prompt, "the end of a cancelled stream", func() {
					events, err = recvN(r.client, len(ids))
				})
				require.Truef(e.tb, errors.Is(err, context.Canceled), "want context.Canceled, got: %v", err)
				requireIDs(e.tb, ids[1:1+len(events)], events)
			},
		},
		{
			name:     "one stream's end is not another's",
			contract: "Cancelling or closing one stream leaves the others be.",
			needs:    needsOf(needCancel, needLive),
			run: func(e *streamEnv) {
				first, second := e.open(""), e.open("")
				call, res := second.begin()
				e.requireBlocked(call, res)
				first.close()
				ids := e.append(numbered(1)...)
				call.wait(e.tb, e.h.Timeout, "Recv of the other stream")
				require.NoError(e.tb, res.err)
				require.Equal(e.tb, ids[0], res.event.ID)
			},
		},
		{
			name:     "Close ends a blocked Recv",
			contract: "Close ends a Recv that blocks, from another goroutine, without its context being cancelled.",
			needs:    needsOf(needCloser, needLive),
			run: func(e *streamEnv) {
				r := e.open("")
				call, res := r.begin()
				e.requireBlocked(call, res)
				e.requireClose(r)
				call.wait(e.tb, e.h.Prompt, "Recv, after Close,")
				require.Error(e.tb, res.err, "Recv of a stream that was closed")
				require.False(e.tb, reflex.IsHeadReachedErr(res.err), "a stream that was closed is not at its head")
			},
		},
		{
			name:     "Recv after Close is an error",
			contract: "A closed stream delivers nothing more, also when it has events left.",
			needs:    needsOf(needCloser),
			run: func(e *streamEnv) {
				ids := e.append(numbered(20)...)
				r := e.open("")
				requireIDs(e.tb, ids[:1], r.take(1))
				e.requireClose(r)
				for range 2 {
					event, err := r.recvWithin(e.h.Prompt)
					if err == nil {
						require.FailNowf(e.tb, "a closed stream delivers", "event %s", event.ID)
					}
					require.False(e.tb, reflex.IsHeadReachedErr(err), "a stream that was closed is not at its head")
				}
			},
		},
		{
			name:     "Close twice is harmless",
			contract: "Closing again neither blocks nor panics.",
			needs:    needsOf(needCloser),
			run: func(e *streamEnv) {
				r := e.open("")
				e.requireClose(r)
				closer := r.client.(io.Closer)
				within(e.tb, e.h.Prompt, "the second Close", func() { _ = closer.Close() })
			},
		},
		{
			name:     "Close after the end",
			contract: "A stream that ended by itself can be closed.",
			needs:    needsOf(needCloser, needToHead),
			run: func(e *streamEnv) {
				r := e.open("", reflex.WithStreamToHead())
				_, err := r.recvWithin(e.h.Prompt)
				requireHead(e.tb, err)
				e.requireClose(r)
			},
		},
	}
}

// requireClose closes a stream with its context live, as Run does.
func (e *streamEnv) requireClose(r *reader) {
	e.tb.Helper()
	closer, ok := r.client.(io.Closer)
	require.True(e.tb, ok, "the harness says Closer and the stream client is no io.Closer: %T", r.client)
	var err error
	within(e.tb, e.h.Prompt, "Close", func() { err = closer.Close() })
	require.NoError(e.tb, err, "Close")
}

// closeClient is for goroutines that may not end the test.
func closeClient(client reflex.StreamClient) {
	if closer, ok := client.(io.Closer); ok {
		_ = closer.Close()
	}
}
