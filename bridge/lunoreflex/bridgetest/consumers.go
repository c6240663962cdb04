package bridgetest

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/reflex"
	"github.com/stretchr/testify/require"
)

func fields(e *env) {
	created := time.Now().Truncate(time.Millisecond)
	ids, err := e.backend.Append(e.ctx,
		reflex.Event{ForeignID: "a-1", Type: eventType(7), Timestamp: created, MetaData: []byte(`{"total": 3}`)},
		reflex.Event{ForeignID: "ü", Type: eventType(1), Timestamp: created})
	require.NoError(e, err)

	var seen []reflex.Event
	consumer := reflex.NewConsumer("fields", func(_ context.Context, event *reflex.Event) error {
		seen = append(seen, *event)
		return nil
	})
	e.requireHead(reflex.NewSpec(e.backend.Stream, e.cursors, consumer, reflex.WithStreamToHead()))
	require.Len(e, seen, 2)
	require.Equal(e, ids[0], seen[0].ID)
	require.Equal(e, ids[1], seen[1].ID)
	require.Equal(e, "a-1", seen[0].ForeignID)
	require.Equal(e, "ü", seen[1].ForeignID)
	require.True(e, reflex.IsType(seen[0].Type, eventType(7)))
	require.True(e, seen[0].IsIDInt())
	require.WithinDuration(e, created, seen[0].Timestamp, time.Minute) // rsql sets it itself
	require.Equal(e, `{"total": 3}`, string(seen[0].MetaData))
	require.Nil(e, seen[1].MetaData)
}

func resume(e *env) {
	const failAt = 7
	ids := e.append(100)
	var (
		seen   []string
		failed = make(map[string]bool)
	)
	newSpec := func() reflex.Spec {
		consumer := reflex.NewConsumer("resume", func(_ context.Context, event *reflex.Event) error {
			if event.ForeignIDInt()%failAt == 0 && !failed[event.ID] {
				failed[event.ID] = true
				return errConsumer
			}
			seen = append(seen, event.ID)
			return nil
		})
		return reflex.NewSpec(e.backend.Stream, e.cursors, consumer, reflex.WithStreamToHead())
	}

	err := reflex.Run(e.ctx, newSpec())
	require.True(e, errors.Is(err, errConsumer))
	require.EqualError(e, err, "consume error: the consumer fails")
	require.Equal(e, ids[failAt-1], errors.GetKeyValues(err)["event_id"])
	require.Equal(e, ids[failAt-2], e.cursor("resume"))

	require.Equal(e, len(ids)/failAt-1, e.runToHead(newSpec()))
	require.Equal(e, ids, seen, "each once and in order")

	// The second round is another process.
	e.reopen()
	require.Equal(e, ids[len(ids)-1], e.cursor("resume"))
	more := e.append(5)
	e.requireHead(newSpec())
	require.Equal(e, more, seen[len(ids):])
}

func filtersAndRecovery(e *env) {
	ids := e.append(12)
	var seen, recovered []string
	consumer := reflex.NewConsumer("filters", func(_ context.Context, event *reflex.Event) error {
		if event.ForeignID == "8" {
			return errConsumer
		}
		seen = append(seen, event.ID)
		return nil
	},
		reflex.WithFilterIncludeTypes(eventType(2)),
		reflex.WithEventFilter(func(event *reflex.Event) (bool, error) { return event.ForeignID != "5", nil }),
		reflex.WithRecoverFunction(func(_ context.Context, event *reflex.Event, _ reflex.Consumer, err error) error {
			require.True(e, errors.Is(err, errConsumer))
			recovered = append(recovered, event.ID)
			return nil
		}))
	e.requireHead(reflex.NewSpec(e.backend.Stream, e.cursors, consumer, reflex.WithStreamToHead()))
	// Of type 2 are 2, 5, 8 and 11.
	require.Equal(e, []string{ids[1], ids[10]}, seen)
	require.Equal(e, []string{ids[7]}, recovered)
	require.Equal(e, ids[11], e.cursor("filters"), "what is skipped counts as consumed")
}

func cancelled(e *env) {
	ids := e.append(3)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	consumer := reflex.NewConsumer("cancelled", func(_ context.Context, event *reflex.Event) error {
		if event.ID == ids[2] {
			cancel() // and the stream has no more events, so Recv blocks
		}
		return nil
	})
	err := reflex.Run(ctx, reflex.NewSpec(e.backend.Stream, e.cursors, consumer))
	require.True(e, errors.Is(err, context.Canceled), "%v", err)
	require.True(e, reflex.IsExpected(err))
	require.NoError(e, e.ctx.Err(), "it did not wait for the end of the test")

	e.reopen()
	require.Contains(e, ids[1:], e.cursor("cancelled"), "the last may or may not be set with a context that is done")
}
