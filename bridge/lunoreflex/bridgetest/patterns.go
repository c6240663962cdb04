package bridgetest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/reflex"
	"github.com/luno/reflex/rpatterns"
	"github.com/stretchr/testify/require"
)

// bootstrap begins at the head. The stream is asked for events first, and events are appended when it
// has none: the stream of rsql looks for the head no sooner.
func bootstrap(e *env) {
	old := e.append(3)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	var seen []string
	consumer := reflex.NewConsumer("bootstrap", func(_ context.Context, event *reflex.Event) error {
		seen = append(seen, event.ID)
		cancel()
		return nil
	})
	done := make(chan error, 1)
	spec := rpatterns.NewBootstrapSpec(e.backend.Stream, e.cursors, consumer)
	go func() { done <- reflex.Run(ctx, spec) }()

	var appended []string
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			appended = append(appended, e.append(1)...)
			continue
		case err := <-done:
			require.True(e, reflex.IsExpected(err), "%v", err)
		}
		break
	}
	require.NotEmpty(e, seen)
	require.NotContains(e, old, seen[0])
	require.Contains(e, appended, seen[0])
}

// ack sets the cursor at each third event.
func ack(e *env) {
	ids := e.append(10)
	var seen []string
	newSpec := func() reflex.Spec {
		consumer := rpatterns.NewAckConsumer("ack", e.cursors, func(ctx context.Context, event *rpatterns.AckEvent) error {
			seen = append(seen, event.ID)
			if event.ForeignIDInt()%3 != 0 {
				return nil
			}
			return event.Ack(ctx)
		})
		return rpatterns.NewAckSpec(e.backend.Stream, consumer, reflex.WithStreamToHead())
	}
	e.requireHead(newSpec())
	require.Equal(e, ids, seen)

	e.reopen()
	require.Equal(e, ids[8], e.cursor("ack"))
	seen = nil
	e.requireHead(newSpec())
	require.Equal(e, ids[9:], seen, "what was not acknowledged comes again")
}

func batchByLength(e *env) {
	const length = 10
	ids := e.append(35)
	var (
		batches [][]string
		failed  bool
	)
	newSpec := func() reflex.Spec {
		consumer := rpatterns.NewBatchConsumer("batch", e.cursors, func(_ context.Context, b rpatterns.Batch) error {
			if len(batches) == 1 && !failed {
				failed = true
				return errConsumer
			}
			batches = append(batches, idsOf(b))
			return nil
		}, 0, length)
		return rpatterns.NewBatchSpec(e.backend.Stream, consumer, reflex.WithStreamToHead())
	}
	require.Equal(e, 1, e.runToHead(newSpec()))
	require.Equal(e, [][]string{ids[:10], ids[10:20], ids[20:30]}, batches, "the one that failed came again")

	e.reopen()
	require.Equal(e, ids[29], e.cursor("batch"), "a batch that is not full is not consumed")
	more := e.append(5)
	require.Zero(e, e.runToHead(newSpec()))
	require.Equal(e, append(slices.Clone(ids[30:]), more...), batches[3])
}

func batchByPeriod(e *env) {
	ids := e.append(5)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	var seen []string
	consumer := rpatterns.NewBatchConsumer("period", e.cursors, func(_ context.Context, b rpatterns.Batch) error {
		seen = append(seen, idsOf(b)...)
		if len(seen) == len(ids) {
			cancel() // as a shutdown in the middle of a batch would
		}
		return nil
	}, 50*time.Millisecond, 0)
	spec := rpatterns.NewBatchSpec(e.backend.Stream, consumer)
	err := reflex.Run(ctx, spec)
	require.True(e, reflex.IsExpected(err), "%v", err)
	require.NoError(e, spec.Stop())
	require.Equal(e, ids, seen)
}

func idsOf(batch rpatterns.Batch) []string {
	ids := make([]string, len(batch))
	for i, event := range batch {
		ids[i] = event.ID
	}
	return ids
}

// concurrent has events done out of order, and one fail. The cursor is never set beyond what isn't done.
func concurrent(e *env) {
	const (
		inFlight = 8
		failAt   = 50
	)
	ids := e.append(200)
	last := ids[len(ids)-1]
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	work := &work{done: make(map[string]bool)}
	store := &checkedCursors{CursorStore: e.cursors, check: func(cursor string) {
		work.requireDone(e, ids, cursor)
		if cursor == last {
			cancel()
		}
	}}
	failed := false
	inner := reflex.NewConsumer("concurrent", func(ctx context.Context, event *reflex.Event) error {
		// The later of each eight is the sooner done.
		select {
		case <-time.After(time.Duration(8-event.ForeignIDInt()%8) * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		work.mu.Lock()
		defer work.mu.Unlock()
		if event.ForeignIDInt() == failAt && !failed {
			failed = true
			return errConsumer
		}
		work.done[event.ID] = true
		return nil
	})
	consumer := rpatterns.NewConcurrentConsumer(store, inner, inFlight)
	spec := rpatterns.NewConcurrentSpec(e.backend.Stream, consumer)
	for ctx.Err() == nil {
		err := reflex.Run(ctx, spec)
		require.True(e, errors.IsAny(err, errConsumer, context.Canceled), "%v", err)
	}
	require.NoError(e, e.ctx.Err(), "the cursor is at %s", e.cursor("concurrent"))
	require.NoError(e, consumer.Reset()) // waits for what is in flight, and flushes
	require.True(e, failed)
	work.requireDone(e, ids, last)

	e.reopen()
	require.Equal(e, last, e.cursor("concurrent"))
}

// work is what was done.
type work struct {
	mu   sync.Mutex
	done map[string]bool
}

// requireDone requires that all up to the cursor is done. It is called from goroutines of consumers, so
// it doesn't end the test at once.
func (w *work) requireDone(e *env, ids []string, cursor string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.Index(ids, cursor)
	if at < 0 {
		e.Errorf("cursor %q is none of the events", cursor)
		return
	}
	for _, id := range ids[:at+1] {
		if !w.done[id] {
			e.Errorf("cursor %s is set and event %s is not done", cursor, id)
			return
		}
	}
}

// checkedCursors looks at what is set.
type checkedCursors struct {
	reflex.CursorStore
	check func(cursor string)
}

func (c *checkedCursors) SetCursor(ctx context.Context, name, cursor string) error {
	c.check(cursor)
	return c.CursorStore.SetCursor(ctx, name, cursor)
}

// parallel shares the events out by their foreign IDs.
func parallel(e *env) {
	const shards = 4
	ids := e.append(50)
	var (
		mu   sync.Mutex
		seen []string
	)
	consume := func(_ context.Context, event *reflex.Event) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, event.ID)
		return nil
	}
	specs := rpatterns.ParallelSpecs("parallel", shards, e.backend.Stream, e.cursors, consume,
		rpatterns.WithStreamOpts(reflex.WithStreamToHead()))
	require.Len(e, specs, shards)
	results := make(chan error, shards)
	for _, spec := range specs {
		go func() { results <- reflex.Run(e.ctx, spec) }()
	}
	for range specs {
		err := <-results
		require.True(e, reflex.IsHeadReachedErr(err), "%v", err)
	}
	require.ElementsMatch(e, ids, seen, "each by one shard")
	for _, spec := range specs {
		require.Equal(e, ids[len(ids)-1], e.cursor(spec.Name()), "shard %s", spec.Name())
	}
}

func deadLetter(e *env) {
	ids := e.append(5)
	var (
		seen []string
		dead [][]string
	)
	insert := func(_ context.Context, first, second, third string) error {
		dead = append(dead, []string{first, second, third})
		return nil
	}
	consumer := rpatterns.NewDeadLetterConsumer("dead", 2, func(_ context.Context, event *reflex.Event) error {
		if event.ForeignID == strconv.Itoa(3) {
			return errConsumer
		}
		seen = append(seen, event.ID)
		return nil
	}, insert)
	spec := reflex.NewSpec(e.backend.Stream, e.cursors, consumer, reflex.WithStreamToHead())
	require.Equal(e, 2, e.runToHead(spec))
	require.Equal(e, []string{ids[0], ids[1], ids[3], ids[4]}, seen)
	require.Len(e, dead, 1)
	// luno/reflex doesn't hand them over in the order that it declares.
	require.Contains(e, dead[0], "dead")
	require.Contains(e, dead[0], ids[2])
}
