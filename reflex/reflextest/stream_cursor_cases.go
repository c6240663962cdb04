package reflextest

import (
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// cursorCases are about where a stream begins and in what order it goes on.
func cursorCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "no cursor is the start",
			contract: `After "" a stream delivers every event from the first on.`,
			run: func(e *streamEnv) {
				events := numbered(5)
				ids := e.append(events...)
				got := e.open("").take(5)
				requireIDs(e.tb, ids, got)
				for i := range events {
					requireSame(e.tb, events[i], got[i])
				}
			},
		},
		{
			name:     "after is exclusive",
			contract: "The event that a cursor names was consumed and is not delivered again.",
			run: func(e *streamEnv) {
				ids := e.append(numbered(3)...)
				requireIDs(e.tb, ids[1:2], e.open(ids[0]).take(1))
			},
		},
		{
			name:     "zero is a cursor",
			contract: `"0" is the event with ID 0, consumed; "" is nothing consumed.`,
			needs:    needsOf(needIntegerIDs),
			run: func(e *streamEnv) {
				ids := e.append(numbered(2)...)
				if ids[0] != "0" {
					e.tb.Skipf("the first ID is %s and not 0", ids[0])
				}
				requireIDs(e.tb, ids[1:], e.open("0").take(1))
				requireIDs(e.tb, ids, e.open("").take(2))
			},
		},
		{
			name:     "resumes after every ID",
			contract: "Every ID is a cursor: the stream goes on with the event that follows it and skips none.",
			run: func(e *streamEnv) {
				// More than ten, so that integer IDs gain a digit on the way.
				ids := e.append(numbered(12)...)
				for i, id := range ids[:len(ids)-1] {
					r := e.open(id)
					requireIDs(e.tb, ids[i+1:], r.take(len(ids)-i-1))
					r.close()
				}
				e.atHead(ids[len(ids)-1])
			},
		},
		{
			name:     "IDs grow",
			contract: "IDs are unique, and integer IDs grow strictly.",
			run: func(e *streamEnv) {
				ids := append(e.append(numbered(12)...), e.append(numbered(12)...)...)
				got := e.open("").take(24)
				requireIDs(e.tb, ids, got)
				requireGrowing(e.tb, e.h, got)
			},
		},
		{
			name:     "many events in order",
			contract: "Events are delivered in the order in which they were appended, each of them once.",
			run: func(e *streamEnv) {
				n := 10_000
				if testing.Short() {
					n = 1_000
				}
				events := numbered(n)
				ids := e.append(events...)
				got := e.open("").take(n)
				requireIDs(e.tb, ids, got)
				requireGrowing(e.tb, e.h, got)
				for i := range events {
					require.Equal(e.tb, events[i].ForeignID, got[i].ForeignID, "foreign ID of event %s", got[i].ID)
				}
				e.atHead(ids[n-1])
			},
		},
		{
			name:     "a bad cursor is an error",
			contract: "A text that is no cursor of the stream is refused by StreamFunc or the first Recv, never taken for the start or the end.",
			needs:    needsOf(needBadCursors),
			run: func(e *streamEnv) {
				e.append(numbered(3)...)
				for _, cursor := range e.h.BadCursors {
					e.requireCursorRefused(cursor, "stream after the bad cursor "+strconv.Quote(cursor))
				}
			},
		},
		{
			name:     "streams are independent",
			contract: "A StreamFunc is safe for concurrent use, and each call opens a stream of its own.",
			run: func(e *streamEnv) {
				const streams = 8
				ids := e.append(numbered(50)...)
				var wg sync.WaitGroup
				errs := make([]error, streams)
				got := make([][]*reflex.Event, streams)
				within(e.tb, e.h.Timeout, "reading with several streams", func() {
					for i := range streams {
						wg.Go(func() {
							client, err := e.src.Stream(e.tb.Context(), ids[i])
							if err != nil {
								errs[i] = err
								return
							}
							defer closeClient(client)
							got[i], errs[i] = recvN(client, len(ids)-i-1)
						})
					}
					wg.Wait()
				})
				for i := range streams {
					require.NoError(e.tb, errs[i])
					requireIDs(e.tb, ids[i+1:], got[i])
				}
			},
		},
		{
			name:     "streams interleave",
			contract: "What one stream delivers is not taken from another.",
			run: func(e *streamEnv) {
				ids := e.append(numbered(6)...)
				first, second := e.open(""), e.open(ids[1])
				for i := range 4 {
					requireIDs(e.tb, ids[i:i+1], first.take(1))
					requireIDs(e.tb, ids[i+2:i+3], second.take(1))
				}
			},
		},
		{
			name:     "options are left alone",
			contract: "The options belong to the caller: the slice is read and never written, also not beyond its length.",
			run: func(e *streamEnv) {
				ids := e.append(numbered(2)...)
				calls := 0
				opts := make([]reflex.StreamOption, 3)
				opts[0] = func(*reflex.StreamOptions) { calls++ }
				r := e.open(ids[0], opts[:1]...)
				requireIDs(e.tb, ids[1:], r.take(1))
				r.close()

				require.Nil(e.tb, opts[1], "written beyond the length of the options")
				require.Nil(e.tb, opts[2], "written beyond the length of the options")
				before := calls
				reflex.ResolveOptions(opts[0])
				require.Equal(e.tb, before+1, calls, "the option is not the caller's any more")
			},
		},
		{
			name:     "events stay valid",
			contract: "An event that was delivered doesn't change: later calls of Recv use other memory.",
			run: func(e *streamEnv) {
				events := numbered(100)
				ids := e.append(events...)
				r := e.open("")
				var got []*reflex.Event
				var copies []reflex.Event
				for range events {
					event := r.take(1)[0]
					got = append(got, event)
					kept := *event
					kept.MetaData, kept.Trace = slices.Clone(event.MetaData), slices.Clone(event.Trace)
					copies = append(copies, kept)
				}
				requireIDs(e.tb, ids, got)
				for i := range got {
					require.Equal(e.tb, copies[i], *got[i], "event %s changed after it was delivered", ids[i])
				}
			},
		},
	}
}

// requireGrowing requires unique IDs, and numbers that grow where they are
// numbers.
func requireGrowing(tb testing.TB, h StreamHarness, events []*reflex.Event) {
	tb.Helper()
	seen := make(map[string]bool, len(events))
	for i, event := range events {
		require.Falsef(tb, seen[event.ID], "two events have the ID %s", event.ID)
		seen[event.ID] = true
		if !h.IntegerIDs {
			continue
		}
		require.Truef(tb, event.IsIDInt(), "the ID %q is not an integer", event.ID)
		if i > 0 {
			require.Greater(tb, event.IDInt(), events[i-1].IDInt(), "IDs don't grow")
		}
	}
}

// requireCursorRefused requires that a stream cannot be read from a cursor.
func (e *streamEnv) requireCursorRefused(cursor, what string) {
	e.tb.Helper()
	var opts []reflex.StreamOption
	if e.h.ToHead {
		// A stream that wrongly waits at its end then fails at once.
		opts = append(opts, reflex.WithStreamToHead())
	}
	r, err := e.tryOpen(e.tb.Context(), cursor, opts...)
	if err == nil {
		var event *reflex.Event
		event, err = r.recv()
		if err == nil {
			require.FailNowf(e.tb, what+" is not refused", "it delivered event %s", event.ID)
		}
		r.close()
	}
	requireRefused(e.tb, err, what)
}
