package lunoreflex_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	luno "github.com/luno/reflex"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// stuckStore is a store whose place doesn't answer: Flush ends with its context only.
type stuckStore struct{ reflex.CursorStore }

func (stuckStore) Flush(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Run of luno/reflex flushes at its end with a context that never ends. With a Kafka that accepts connections and
// doesn't answer the program could not be shut down.
func TestFlushOfLunoReflexIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := lunoreflex.ToLunoCursors(stuckStore{rpatterns.MemCursorStore()})
		begin := time.Now()
		err := luno.Run(t.Context(), luno.NewSpec(luno.NewMockStream(nil, io.EOF), store, consumer[luno.Event]{name: "test"}))
		require.EqualError(t, err, "recv error: EOF")
		require.Equal(t, 10*time.Second, time.Since(begin))
	})
}

func TestFlushKeepsTheDeadlineThatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err := lunoreflex.ToLunoCursors(stuckStore{}).Flush(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(begin))
	})
}
