package reflextest

import (
	"github.com/stretchr/testify/require"
)

// liveCases are about a stream that is open while events are appended.
func liveCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "waits at the end",
			contract: "At its end a stream blocks, and delivers what comes later.",
			needs:    needsOf(needLive),
			run: func(e *streamEnv) {
				first := e.append(numbered(2)...)
				r := e.open("")
				requireIDs(e.tb, first, r.take(2))

				call, res := r.begin()
				e.requireBlocked(call, res)
				later := e.append(numbered(1)...)
				call.wait(e.tb, e.h.Timeout, "Recv, after an event was appended,")
				require.NoError(e.tb, res.err)
				require.Equal(e.tb, later[0], res.event.ID)
			},
		},
		{
			name:     "waits on a stream without events",
			contract: "A stream without events blocks until the first.",
			needs:    needsOf(needLive),
			run: func(e *streamEnv) {
				r := e.open("")
				call, res := r.begin()
				e.requireBlocked(call, res)
				ids := e.append(numbered(1)...)
				call.wait(e.tb, e.h.Timeout, "Recv, after the first event was appended,")
				require.NoError(e.tb, res.err)
				require.Equal(e.tb, ids[0], res.event.ID)
			},
		},
		{
			name:     "resumes at the end",
			contract: "A stream opened after the last event delivers the next one that is appended.",
			needs:    needsOf(needLive),
			run: func(e *streamEnv) {
				ids := e.append(numbered(3)...)
				r := e.open(ids[2])
				requireIDs(e.tb, e.append(numbered(1)...), r.take(1))
			},
		},
		{
			name:     "follows an appender",
			contract: "Events appended while a stream reads are delivered in order, none twice and none left out.",
			needs:    needsOf(needLive),
			run: func(e *streamEnv) {
				const rounds, perRound = 50, 7
				var ids []string
				var err error
				appending := begin(func() {
					for range rounds {
						var more []string
						if more, err = e.src.Append(e.tb.Context(), numbered(perRound)...); err != nil {
							return
						}
						ids = append(ids, more...)
					}
				})
				got := e.open("").take(rounds * perRound)
				appending.wait(e.tb, e.h.Timeout, "appending")
				require.NoError(e.tb, err, "Append")
				requireIDs(e.tb, ids, got)
			},
		},
	}
}
