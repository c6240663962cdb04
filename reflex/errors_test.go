package reflex_test

import (
	"context"
	stderrors "errors"
	"fmt"
	"io"
	"testing"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kreflex/kreflex/reflex"
)

func TestIsExpected(t *testing.T) {
	var (
		canceled = status.FromContextError(context.Canceled).Err()
		deadline = status.FromContextError(context.DeadlineExceeded).Err()
	)
	expected := map[string]error{
		"canceled":         context.Canceled,
		"deadline":         context.DeadlineExceeded,
		"stopped":          reflex.ErrStopped,
		"fate":             fate.ErrTempt,
		"wrapped":          errors.Wrap(context.Canceled, "recv error"),
		"wrapped by fmt":   fmt.Errorf("more: %w", reflex.ErrStopped),
		"joined":           errors.Join(io.EOF, context.Canceled),
		"grpc canceled":    canceled,
		"grpc deadline":    deadline,
		"grpc wrapped":     errors.Wrap(canceled, "recv error"),
		"grpc fmt wrapped": fmt.Errorf("more: %w", fmt.Errorf("recv: %w", deadline)),
		"grpc joined":      errors.Wrap(stderrors.Join(io.EOF, canceled), "recv error"),
		"same code":        errors.New("stopped elsewhere", j.C("ERR_09290f5944cb8671")),
	}
	for name, err := range expected {
		t.Run(name, func(t *testing.T) { require.True(t, reflex.IsExpected(err)) })
	}

	unexpected := map[string]error{
		"nil":              nil,
		"any":              io.EOF,
		"head":             reflex.ErrHeadReached,
		"grpc unavailable": status.Error(codes.Unavailable, "context canceled"),
		"grpc other text":  status.Error(codes.Canceled, "the operator canceled"),
		"grpc wrong pair":  status.Error(codes.Canceled, context.DeadlineExceeded.Error()),
		"same text":        errors.New("context canceled"),
		"panic":            &reflex.PanicError{Value: context.Canceled},
		"lost flush":       errors.Join(context.Canceled, &reflex.CleanupError{Flush: io.EOF}),
		"canceled flush":   &reflex.CleanupError{Flush: context.Canceled},
		"wrapped lost close": errors.Wrap(stderrors.Join(reflex.ErrStopped, &reflex.CleanupError{Close: io.EOF}),
			"run forever error"),
	}
	for name, err := range unexpected {
		t.Run("not "+name, func(t *testing.T) { require.False(t, reflex.IsExpected(err)) })
	}
}

// A stream over gRPC, cancelled by its user, ended in an error log and a minute
// of waiting, since Run wraps what the stream returns.
func TestGRPCCancelSeenThroughRunIsExpected(t *testing.T) {
	stream := reflex.NewMockStream(nil, status.FromContextError(context.Canceled).Err())
	err := reflex.Run(t.Context(), reflex.NewSpec(stream, new(fakeStore), consumerOf(nil)))
	require.EqualError(t, err, "recv error: rpc error: code = Canceled desc = context canceled")
	require.True(t, reflex.IsExpected(err))
}

func TestSentinelsAreKnownByTheirCode(t *testing.T) {
	require.EqualError(t, reflex.ErrStopped, "the event stream has been stopped")
	require.EqualError(t, reflex.ErrHeadReached, "the event stream has reached the current head")

	// Of the other library in the same binary, or over gRPC.
	stopped := errors.Wrap(errors.New("x", j.C("ERR_09290f5944cb8671")), "recv error")
	head := errors.Wrap(errors.New("x", j.C("ERR_b4b155d2a91cfcd0")), "recv error")
	require.True(t, reflex.IsStoppedErr(stopped))
	require.False(t, reflex.IsStoppedErr(head))
	require.True(t, reflex.IsHeadReachedErr(head))
	require.False(t, reflex.IsHeadReachedErr(stopped))
	require.True(t, reflex.IsFilterErr(errors.New("x", j.C("ERR_cbdf33be2dcc7a33"))))
	require.False(t, reflex.IsFilterErr(errors.New("error in filter")))
}
