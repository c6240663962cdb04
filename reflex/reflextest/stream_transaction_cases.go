package reflextest

import (
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// transactionCases are about events that are visible later than they are
// written, or never.
func transactionCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "an open transaction is invisible",
			contract: "Events of an open transaction are not available: a stream to head ends before them.",
			needs:    needsOf(needTransactions, needToHead),
			run: func(e *streamEnv) {
				ids := e.append(numbered(2)...)
				open := e.begin()
				held := open.append(numbered(2)...)
				requireIDs(e.tb, ids, e.toHead(""))
				e.requireHeadAtOnce(ids[1])
				open.commit()
				e.requireBecomes(append(ids, held...))
			},
		},
		{
			name:     "a commit delivers in order",
			contract: "A stream that waits delivers the events of a transaction after its commit, in order of their IDs with all others.",
			needs:    needsOf(needTransactions, needLive),
			run: func(e *streamEnv) {
				r := e.open("")
				ids := e.append(numbered(1)...)
				open := e.begin()
				ids = append(ids, open.append(numbered(2)...)...)
				requireIDs(e.tb, ids[:1], r.take(1))
				call, res := r.begin()
				e.requireBlocked(call, res)
				open.commit()
				call.wait(e.tb, e.h.Timeout, "Recv, after the commit,")
				require.NoError(e.tb, res.err)
				requireIDs(e.tb, ids[1:2], []*reflex.Event{res.event})
				requireIDs(e.tb, ids[2:], r.take(1))
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
			},
		},
		{
			name:     "nothing overtakes an open transaction",
			contract: "An event appended after those of an open transaction is not delivered before them: a cursor past it would lose them.",
			needs:    needsOf(needTransactions, needLive, needIntegerIDs),
			run: func(e *streamEnv) {
				open := e.begin()
				held := open.append(numbered(2)...)
				r := e.open("")
				later := e.append(numbered(1)...)
				call, res := r.begin()
				// An ID below the transaction's could be delivered: it says
				// nothing about the cursor.
				if call.blocks() {
					open.commit()
					call.wait(e.tb, e.h.Timeout, "Recv, after the commit,")
				} else {
					open.commit()
				}
				require.NoError(e.tb, res.err)
				got := append([]*reflex.Event{res.event}, r.take(2)...)
				requireGrowing(e.tb, e.h, got)
				var ids []string
				for _, event := range got {
					ids = append(ids, event.ID)
				}
				require.ElementsMatch(e.tb, append(held, later...), ids)
			},
		},
		{
			name:     "an aborted transaction is never delivered",
			contract: "Events of an aborted transaction are not delivered, and a stream goes on past them.",
			needs:    needsOf(needTransactions, needToHead),
			run: func(e *streamEnv) {
				ids := e.append(numbered(1)...)
				dropped := e.begin()
				dropped.append(numbered(3)...)
				dropped.abort()
				// Nothing follows them yet: a stream that looks for one at the
				// last offset of the log hangs here.
				requireIDs(e.tb, ids, e.toHead(""))

				ids = append(ids, e.append(numbered(1)...)...)
				e.requireBecomes(ids)
				e.requireHeadAtOnce(ids[1])

				dropped = e.begin()
				dropped.append(numbered(1)...)
				dropped.abort()
				kept := e.begin()
				ids = append(ids, kept.append(numbered(2)...)...)
				kept.commit()
				e.requireBecomes(ids)
				e.requireHeadAtOnce(ids[3])
			},
		},
		{
			name:     "a live stream goes on past an aborted transaction",
			contract: "A stream that waits skips the events of an aborted transaction and delivers what follows.",
			needs:    needsOf(needTransactions, needLive),
			run: func(e *streamEnv) {
				r := e.open("")
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
				dropped := e.begin()
				dropped.append(numbered(3)...)
				dropped.abort()
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
			},
		},
		{
			name:     "from head includes what becomes visible",
			contract: "From head, a transaction that was open when StreamFunc was called is delivered once it is committed.",
			needs:    needsOf(needTransactions, needFromHead, needLive),
			run: func(e *streamEnv) {
				e.append(numbered(1)...)
				open := e.begin()
				held := open.append(numbered(2)...)
				r := e.open("", reflex.WithStreamFromHead())
				open.commit()
				requireIDs(e.tb, held, r.take(2))
			},
		},
	}
}

// requireBecomes requires that a stream to head delivers just these events,
// now or soon: they are visible some time after their commit. Until then it
// may deliver fewer, never others.
func (e *streamEnv) requireBecomes(ids []string) {
	e.tb.Helper()
	eventually(e.tb, e.h.Timeout, "the visibility of what was committed", func() bool {
		got := e.toHead("")
		require.LessOrEqual(e.tb, len(got), len(ids), "more events than were committed")
		requireIDs(e.tb, ids[:len(got)], got)
		return len(got) == len(ids)
	})
}
