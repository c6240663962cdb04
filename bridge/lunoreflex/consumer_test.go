package lunoreflex_test

import (
	"context"
	"io"
	"testing"

	luno "github.com/luno/reflex"
	"github.com/luno/reflex/rpatterns"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/reflex"
	ours "github.com/kreflex/kreflex/rpatterns"
)

// stateful is a consumer with a Reset and a Stop, in either form of Reset.
type stateful[E any] struct {
	consumer[E]
	calls *[]string
}

func (s stateful[E]) Reset() error { *s.calls = append(*s.calls, "reset"); return nil }
func (s stateful[E]) Stop() error  { *s.calls = append(*s.calls, "stop"); return io.ErrClosedPipe }

type statefulCtx[E any] struct {
	consumer[E]
	calls *[]string
}

func (s statefulCtx[E]) Reset(ctx context.Context) error {
	*s.calls = append(*s.calls, "reset with context")
	return ctx.Err()
}

func TestStatefulConsumersAreResetAndStopped(t *testing.T) {
	var (
		calls []string
		note  = func(id string) error { calls = append(calls, "consume "+id); return nil }
		their = consumer[luno.Event]{"theirs", func(_ context.Context, e *luno.Event) error { return note(e.ID) }}
		our   = consumer[reflex.Event]{"ours", func(_ context.Context, e *reflex.Event) error { return note(e.ID) }}
	)
	run := func(c reflex.Consumer) (string, error) {
		spec := reflex.NewSpec(reflex.NewMockStream([]*reflex.Event{{ID: "1"}}, io.EOF), ours.MemCursorStore(), c)
		require.ErrorIs(t, reflex.Run(t.Context(), spec), io.EOF)
		return spec.Name(), spec.Stop()
	}
	runLuno := func(c luno.Consumer) (string, error) {
		spec := luno.NewSpec(luno.NewMockStream([]*luno.Event{{ID: "1"}}, io.EOF), rpatterns.MemCursorStore(), c)
		require.ErrorIs(t, luno.Run(t.Context(), spec), io.EOF)
		return spec.Name(), spec.Stop()
	}

	name, err := run(lunoreflex.FromLunoConsumer(stateful[luno.Event]{their, &calls}))
	require.Equal(t, "theirs", name)
	require.Equal(t, io.ErrClosedPipe, err)
	name, err = runLuno(lunoreflex.ToLunoConsumer(stateful[reflex.Event]{our, &calls}))
	require.Equal(t, "ours", name)
	require.Equal(t, io.ErrClosedPipe, err)
	require.Equal(t, []string{"reset", "consume 1", "stop", "reset", "consume 1", "stop"}, calls)

	calls = nil
	_, err = run(lunoreflex.FromLunoConsumer(statefulCtx[luno.Event]{their, &calls}))
	require.NoError(t, err)
	_, err = runLuno(lunoreflex.ToLunoConsumer(statefulCtx[reflex.Event]{our, &calls}))
	require.NoError(t, err)
	require.Equal(t, []string{"reset with context", "consume 1", "reset with context", "consume 1"}, calls)

	calls = nil
	_, err = run(lunoreflex.FromLunoConsumer(their))
	require.NoError(t, err)
	_, err = runLuno(lunoreflex.ToLunoConsumer(our))
	require.NoError(t, err)
	require.Equal(t, []string{"consume 1", "consume 1"}, calls, "without a state there is nothing to reset")
}
