package reflextest

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

const (
	// lag is long beside the precision of timestamps and short beside Timeout.
	lag = 300 * time.Millisecond
	// longLag never ends during a test.
	longLag = time.Hour
)

// lagCases are about events that are held back until they are old enough. The
// age of an event is told by the timestamp that the stream delivers.
func lagCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "lag holds events back",
			contract: "With a lag an event is delivered once it is that old and not before.",
			needs:    needsOf(needLag),
			run: func(e *streamEnv) {
				ids := e.append(numbered(2)...)
				r := e.open("", reflex.WithStreamLag(lag))
				for _, id := range ids {
					event := r.take(1)[0]
					age := time.Since(event.Timestamp)
					require.Equal(e.tb, id, event.ID)
					require.GreaterOrEqual(e.tb, age, lag, "age at which event %s was delivered", event.ID)
				}
			},
		},
		{
			name:     "lag does not hold back what is old",
			contract: "With a lag an event that is old enough is delivered at once.",
			needs:    needsOf(needLag, needTimestamps),
			run: func(e *streamEnv) {
				events := numbered(3)
				for i := range events {
					events[i].Timestamp = time.Now().Add(-2 * longLag)
				}
				ids := e.append(events...)
				r := e.open("", reflex.WithStreamLag(longLag))
				requireIDs(e.tb, ids, r.take(3))
			},
		},
		{
			name:     "lag keeps order",
			contract: "An event that is held back holds back all that follow, however old they are.",
			needs:    needsOf(needLag, needTimestamps),
			run: func(e *streamEnv) {
				events := numbered(3)
				events[1].Timestamp = time.Now().Add(-2 * longLag)
				events[2].Timestamp = time.Now().Add(-3 * longLag)
				ids := e.append(events...)
				r := e.open("", reflex.WithStreamLag(lag))
				requireIDs(e.tb, ids, r.take(3))
			},
		},
		{
			name:     "to head with lag ends at what is held back",
			contract: "To head, an event that is too young is not available: it ends the stream.",
			needs:    needsOf(needLag, needToHead, needTimestamps),
			run: func(e *streamEnv) {
				events := numbered(3)
				events[0].Timestamp = time.Now().Add(-2 * longLag)
				ids := e.append(events...)
				requireIDs(e.tb, ids[:1], e.toHead("", reflex.WithStreamLag(longLag)))
				e.requireHeadAtOnce(ids[0], reflex.WithStreamLag(longLag))
			},
		},
		{
			name:     "lag ends with its context",
			contract: "A stream that holds an event back obeys its context.",
			needs:    needsOf(needLag, needCancel),
			run: func(e *streamEnv) {
				e.append(numbered(1)...)
				r := e.open("", reflex.WithStreamLag(longLag))
				call, res := r.begin()
				e.requireBlocked(call, res)
				r.cancel()
				call.wait(e.tb, e.h.Prompt, "Recv, after the context was cancelled,")
				require.Truef(e.tb, errors.Is(res.err, context.Canceled), "want context.Canceled, got: %v", res.err)
			},
		},
	}
}
