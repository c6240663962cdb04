package reflextest

import (
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// truncationCases are about a stream whose oldest events are gone.
func truncationCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "a cursor before the first event left is an error",
			contract: "A cursor whose next event was removed is refused by StreamFunc or the first Recv: the stream never jumps silently.",
			needs:    needsOf(needTruncation),
			run: func(e *streamEnv) {
				ids := e.append(numbered(8)...)
				e.truncate(ids[5])
				for _, id := range ids[:4] {
					e.requireCursorRefused(id, "stream after event "+id+", whose next is removed,")
				}
			},
		},
		{
			name:     "a cursor at the cut is good",
			contract: "A cursor whose next event is the first one left resumes, though its own event is gone.",
			needs:    needsOf(needTruncation),
			run: func(e *streamEnv) {
				ids := e.append(numbered(8)...)
				e.truncate(ids[5])
				requireIDs(e.tb, ids[5:], e.open(ids[4]).take(3))
				requireIDs(e.tb, ids[6:], e.open(ids[5]).take(2))
			},
		},
		{
			name:     "no cursor is the first event left",
			contract: `After "" a truncated stream begins with the first event that is left.`,
			needs:    needsOf(needTruncation),
			run: func(e *streamEnv) {
				ids := e.append(numbered(8)...)
				e.truncate(ids[5])
				requireIDs(e.tb, ids[5:], e.open("").take(3))
			},
		},
		{
			name:     "a stream that is overtaken has no holes",
			contract: "A stream whose next events are removed while it is open delivers them from what it holds, or ends with an error: it leaves none out.",
			needs:    needsOf(needTruncation, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(100)...)
				r := e.open("")
				requireIDs(e.tb, ids[:1], r.take(1))
				e.truncate(ids[90])
				var got []*reflex.Event
				var err error
				within(e.tb, e.h.Timeout, "a stream that was overtaken", func() { got, err = recvN(r.client, len(ids)-1) })
				requireIDs(e.tb, ids[1:1+len(got)], got)
				if err != nil {
					requireRefused(e.tb, err, "a stream that was overtaken")
				}
			},
		},
		{
			name:     "a stream that is overtaken before it begins is an error",
			contract: "A stream that was opened at a cursor and overtaken before the first Recv ends with an error, or delivers what follows the cursor.",
			needs:    needsOf(needTruncation, needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(10)...)
				r := e.open(ids[1])
				e.truncate(ids[8])
				event, err := r.recv()
				if err != nil {
					requireRefused(e.tb, err, "a stream that was overtaken")
					return
				}
				require.Equal(e.tb, ids[2], event.ID, "the stream jumped")
			},
		},
	}
}
