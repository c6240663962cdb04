package bridgetest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/reflex"
	"github.com/stretchr/testify/require"
)

// Timeout ends what would hang.
const Timeout = time.Minute

// Backend is what consumers are run on.
type Backend struct {
	// Stream has the events that Append adds, and no others. Their IDs are integers that grow.
	Stream reflex.StreamFunc
	// Append adds events in this order, and returns their IDs. They are visible when it returns.
	Append func(ctx context.Context, events ...reflex.Event) (ids []string, err error)
	// OpenCursors returns a store on the same cursors each time, as another process would have it. When
	// it is called again nobody uses the one before any more.
	OpenCursors func(tb testing.TB) reflex.CursorStore
}

// RunConsumerTests runs the consumers on backends made by newBackend, one for each of them.
func RunConsumerTests(t *testing.T, newBackend func(tb testing.TB) Backend) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*env)
	}{
		{"fields of events", fields},
		{"run resumes after each failure", resume},
		{"filters and recovery", filtersAndRecovery},
		{"run ends with its context", cancelled},
		{"bootstrap begins at the head", bootstrap},
		{"ack", ack},
		{"batch by length", batchByLength},
		{"batch by period", batchByPeriod},
		{"concurrent", concurrent},
		{"parallel", parallel},
		{"dead letter", deadLetter},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), Timeout)
			defer cancel()
			e := &env{T: t, ctx: ctx, backend: newBackend(t)}
			e.cursors = e.backend.OpenCursors(t)
			c.run(e)
		})
	}
}

// env is a backend and what the cases do with it.
type env struct {
	*testing.T
	ctx     context.Context
	backend Backend
	cursors reflex.CursorStore
}

type eventType int

func (t eventType) ReflexType() int { return int(t) }

// append adds n events and returns their IDs. The foreign IDs are numbers from 1, and the types 1, 2
// and 3 in turn.
func (e *env) append(n int) []string {
	e.Helper()
	events := make([]reflex.Event, n)
	for i := range events {
		events[i] = reflex.Event{
			ForeignID: strconv.Itoa(i + 1),
			Type:      eventType(i%3 + 1),
			Timestamp: time.Now(),
			MetaData:  []byte("metadata " + strconv.Itoa(i+1)),
		}
	}
	ids, err := e.backend.Append(e.ctx, events...)
	require.NoError(e, err)
	require.Len(e, ids, n)
	return ids
}

// reopen goes on as another process would.
func (e *env) reopen() {
	e.Helper()
	e.cursors = e.backend.OpenCursors(e.T)
}

// cursor returns the ID that the stored cursor begins with.
func (e *env) cursor(consumer string) string {
	e.Helper()
	cursor, err := e.cursors.GetCursor(e.ctx, consumer)
	require.NoError(e, err)
	id, _, _ := strings.Cut(cursor, "@")
	return id
}

// requireHead runs the spec, which has to end at the head of its stream.
func (e *env) requireHead(spec reflex.Spec) {
	e.Helper()
	err := reflex.Run(e.ctx, spec)
	require.True(e, reflex.IsHeadReachedErr(err), "%v", err)
}

// runToHead runs the spec again after each failure of a consumer until the head of its stream, and returns how
// often it failed.
func (e *env) runToHead(spec reflex.Spec) (failures int) {
	e.Helper()
	for {
		err := reflex.Run(e.ctx, spec)
		require.NoError(e, spec.Stop())
		if reflex.IsHeadReachedErr(err) {
			return failures
		}
		require.True(e, errors.Is(err, errConsumer), "%v", err)
		failures++
	}
}

// errConsumer is what consumers fail with on purpose.
var errConsumer = errors.New("the consumer fails")
