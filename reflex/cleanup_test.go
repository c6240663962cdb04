package reflex_test

import (
	"context"
	stderrors "errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

const cleanupTimeout = 10 * time.Second

// endingClient is a stream without events that is closed by the function.
func endingClient(end error, closeFn func() error) reflex.StreamFunc {
	return streamOf(&fakeClient{
		recv:  func() (*reflex.Event, error) { return nil, end },
		close: closeFn,
	})
}

// A shutdown that could not write its last cursors looked like a clean one: the
// error of Flush was dropped, and the one of Run was an expected one.
func TestErrorsOfCleaningUpAreNotLost(t *testing.T) {
	errClose, errFlush := errors.New("socket"), errors.New("broker")
	tests := []struct {
		name         string
		close, flush error
		want         string
	}{
		{"close", errClose, nil, "recv error: context canceled; close error: socket"},
		{"flush", nil, errFlush, "recv error: context canceled; flush error: broker"},
		{"both", errClose, errFlush, "recv error: context canceled; close error: socket; flush error: broker"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stream := endingClient(context.Canceled, func() error { return test.close })
			store := &fakeStore{flush: func(context.Context) error { return test.flush }}
			err := reflex.Run(t.Context(), reflex.NewSpec(stream, store, consumerOf(nil)))
			require.EqualError(t, err, test.want)
			require.False(t, reflex.IsExpected(err))
			require.True(t, errors.Is(err, context.Canceled))

			var cleanup *reflex.CleanupError
			require.ErrorAs(t, err, &cleanup)
			require.Equal(t, test.close, cleanup.Close)
			require.Equal(t, test.flush, cleanup.Flush)
			require.Equal(t, test.close != nil, stderrors.Is(err, errClose))
			require.Equal(t, test.flush != nil, stderrors.Is(err, errFlush))
		})
	}
}

func TestFlushErrorIsAddedToAnyEnd(t *testing.T) {
	errFlush := errors.New("broker")
	store := &fakeStore{
		get:   func(context.Context) error { return errDone },
		flush: func(context.Context) error { return errFlush },
	}
	err := reflex.Run(t.Context(), reflex.NewSpec(nil, store, consumerOf(nil)))
	require.EqualError(t, err, "get cursor error: done; flush error: broker")
}

type ctxKey struct{}

// The store writes its last cursors when the program is told to end, so at a
// time when the program's context is done.
func TestFlushContextOutlivesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), ctxKey{}, "value"))
		cancel()
		store := &fakeStore{flush: func(ctx context.Context) error {
			require.NoError(t, ctx.Err())
			require.Equal(t, "value", ctx.Value(ctxKey{}))
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.LessOrEqual(t, time.Until(deadline), cleanupTimeout)
			require.Greater(t, time.Until(deadline), cleanupTimeout/2)
			return nil
		}}
		err := reflex.Run(ctx, reflex.NewSpec(endingClient(errEnd, nil), store, consumerOf(nil)))
		require.EqualError(t, err, "recv error: context canceled")
	})
}

// The broker is gone, and the store waits for it as long as its context lets it.
// It can say what it waited for, which is better than our own timeout.
func TestFlushOfAnObedientStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeStore{flush: func(ctx context.Context) error {
			<-ctx.Done()
			return errors.Wrap(ctx.Err(), "no answer of broker 1")
		}}
		start := time.Now()
		err := reflex.Run(t.Context(), reflex.NewSpec(endingClient(errEnd, nil), store, consumerOf(nil)))
		require.EqualError(t, err, "recv error: end; flush error: no answer of broker 1: context deadline exceeded")
		require.LessOrEqual(t, time.Since(start), cleanupTimeout)
		require.False(t, reflex.IsExpected(err))
	})
}

// Neither client nor store looks at anything while it waits for a broker that
// does not answer. The program must be able to end.
func TestCleaningUpIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		defer close(answer) // what was left behind ends
		calls := new(journal)
		stream := endingClient(errEnd, func() error {
			calls.note("close")
			<-answer
			return nil
		})
		store := &fakeStore{journal: calls, flush: func(context.Context) error {
			<-answer
			return nil
		}}
		start := time.Now()
		err := reflex.Run(t.Context(), reflex.NewSpec(stream, store, consumerOf(nil)))
		require.EqualError(t, err, "recv error: end; close error: not done within 10s; flush error: not done within 10s")
		require.True(t, errors.Is(err, reflex.ErrCleanupTimeout))
		require.Equal(t, 2*cleanupTimeout, time.Since(start))
		require.Equal(t, []string{"get consumer", "close", "flush"}, calls.list(), "flushed although closing hangs")
	})
}

// It happens in a goroutine of Run, where nobody else could recover.
func TestPanicOfCleaningUpIsAnError(t *testing.T) {
	stream := endingClient(errEnd, func() error { panic("twice") })
	err := reflex.Run(t.Context(), reflex.NewSpec(stream, new(fakeStore), consumerOf(nil)))
	require.EqualError(t, err, "recv error: end; close error: panic in cleanup: twice")
}
