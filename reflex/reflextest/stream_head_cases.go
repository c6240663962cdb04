package reflextest

import (
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// headCases are about beginning and ending at the head of a stream.
func headCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "from head is resolved when opened",
			contract: "From head, what is appended after StreamFunc returned is delivered, and nothing older.",
			needs:    needsOf(needFromHead, needLive),
			run: func(e *streamEnv) {
				// Repeated, as a head that is looked up in the background is
				// right some of the time.
				for range 5 {
					e.append(numbered(2)...)
					r := e.open("", reflex.WithStreamFromHead())
					requireIDs(e.tb, e.append(numbered(2)...), r.take(2))
					r.close()
				}
			},
		},
		{
			name:     "from head overrides the cursor",
			contract: "From head the cursor is not looked at.",
			needs:    needsOf(needFromHead, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(3)...)
				r := e.open(ids[0], reflex.WithStreamFromHead())
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
			},
		},
		{
			name:     "from head of a stream without events",
			contract: "From the head of a stream without events the first event is delivered.",
			needs:    needsOf(needFromHead, needLive),
			run: func(e *streamEnv) {
				r := e.open("", reflex.WithStreamFromHead())
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
			},
		},
		{
			name:     "to head of a stream without events",
			contract: "To head, a stream without events ends at once.",
			needs:    needsOf(needToHead),
			run:      func(e *streamEnv) { e.requireHeadAtOnce("") },
		},
		{
			name:     "to head after the last event",
			contract: "To head, a stream opened after the last event ends at once.",
			needs:    needsOf(needToHead),
			run: func(e *streamEnv) {
				ids := e.append(numbered(3)...)
				e.requireHeadAtOnce(ids[2])
			},
		},
		{
			name:     "to head delivers all that was acknowledged",
			contract: "To head, everything acknowledged before StreamFunc was called is delivered before ErrHeadReached.",
			needs:    needsOf(needToHead),
			run: func(e *streamEnv) {
				var ids []string
				for range 10 {
					ids = append(ids, e.append(numbered(3)...)...)
					requireIDs(e.tb, ids, e.toHead(""))
					requireIDs(e.tb, ids[len(ids)-2:], e.toHead(ids[len(ids)-3]))
				}
			},
		},
		{
			name:     "head is where Recv finds it",
			contract: "To head, everything acknowledged before Recv was called is delivered before ErrHeadReached.",
			needs:    needsOf(needToHead, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(1)...)
				for range 5 {
					r := e.open("", reflex.WithStreamToHead())
					ids = append(ids, e.append(numbered(1)...)...)
					requireIDs(e.tb, ids, r.take(len(ids)))
					// And once more, with the stream where its head just was.
					ids = append(ids, e.append(numbered(1)...)...)
					requireIDs(e.tb, ids[len(ids)-1:], r.take(1))
					_, err := r.recv()
					requireHead(e.tb, err)
					r.close()
				}
			},
		},
		{
			name:     "head reached is final",
			contract: "A stream that ended with ErrHeadReached answers so again.",
			needs:    needsOf(needToHead),
			run: func(e *streamEnv) {
				ids := e.append(numbered(1)...)
				r := e.open("", reflex.WithStreamToHead())
				requireIDs(e.tb, ids, r.take(1))
				for range 3 {
					_, err := r.recvWithin(e.h.Prompt)
					requireHead(e.tb, err)
				}
			},
		},
		{
			name:     "from head to head",
			contract: "From head to head delivers what was appended since StreamFunc returned and ends; one option function may ask for both.",
			needs:    needsOf(needFromHead, needToHead, needLive),
			run: func(e *streamEnv) {
				both := func(o *reflex.StreamOptions) { o.StreamFromHead, o.StreamToHead = true, true }
				first := e.append(numbered(3)...)
				r := e.open(first[0], both)
				_, err := r.recvWithin(e.h.Prompt)
				requireHead(e.tb, err)
				r.close()

				r = e.open(first[0], reflex.WithStreamToHead(), reflex.WithStreamFromHead())
				ids := e.append(numbered(2)...)
				requireIDs(e.tb, ids, r.take(2))
				_, err = r.recv()
				requireHead(e.tb, err)
			},
		},
		{
			name:     "without to head there is no end",
			contract: "Only WithStreamToHead ends a stream at its head.",
			needs:    needsOf(needToHead, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(1)...)
				e.requireHeadAtOnce(ids[0])
				r := e.open(ids[0])
				call, res := r.begin()
				e.requireBlocked(call, res)
				next := e.append(numbered(1)...)
				call.wait(e.tb, e.h.Timeout, "Recv, after an event was appended,")
				require.NoError(e.tb, res.err)
				require.Equal(e.tb, next[0], res.event.ID)
			},
		},
	}
}

// requireHeadAtOnce requires that a stream to head ends before it begins.
func (e *streamEnv) requireHeadAtOnce(after string, opts ...reflex.StreamOption) {
	e.tb.Helper()
	r := e.open(after, append([]reflex.StreamOption{reflex.WithStreamToHead()}, opts...)...)
	event, err := r.recvWithin(e.h.Prompt)
	if err == nil {
		require.FailNowf(e.tb, "the stream is not at its head", "it delivered event %s", event.ID)
	}
	requireHead(e.tb, err)
	r.close()
}
