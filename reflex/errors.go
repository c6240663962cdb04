package reflex

import (
	"context"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// The codes are those of luno/reflex where it has the same error, so errors.Is
// holds across the two libraries and over gRPC.
var (
	// ErrStopped ends a stream whose server was stopped. Run again to reconnect.
	ErrStopped = errors.New("the event stream has been stopped", j.C("ERR_09290f5944cb8671"))
	// ErrHeadReached ends a stream opened WithStreamToHead.
	ErrHeadReached = errors.New("the event stream has reached the current head", j.C("ERR_b4b155d2a91cfcd0"))
	// ErrNoEvent is returned by Run when Recv returned neither an event nor an
	// error: a bug of the stream client.
	ErrNoEvent = errors.New("the stream returned neither an event nor an error", j.C("ERR_e014df7b856eb8c9"))
	// ErrCleanupTimeout is returned by Run when closing the stream or flushing
	// the store took longer than 10 seconds.
	ErrCleanupTimeout = errors.New("not done within 10s", j.C("ERR_b6ed448499b3ca89"))

	errFilter = errors.New(filterText, j.C(filterCode))
)

const (
	filterText = "error in filter"
	filterCode = "ERR_cbdf33be2dcc7a33"
)

// IsStoppedErr reports whether err is, or wraps, ErrStopped, or a gRPC status in which a Server told of it.
func IsStoppedErr(err error) bool { return isOrTells(err, ErrStopped) }

// IsHeadReachedErr reports whether err is, or wraps, ErrHeadReached, or a gRPC status in which a Server told of it.
func IsHeadReachedErr(err error) bool { return isOrTells(err, ErrHeadReached) }

func isOrTells(err, target error) bool { return errors.Is(err, target) || statusTells(err, target) }

// IsFilterErr reports whether err comes from an event filter of a consumer.
func IsFilterErr(err error) bool { return errors.Is(err, errFilter) }

func wrapFilterErr(err error) error {
	return errors.Wrap(err, filterText, j.C(filterCode))
}

// IsExpected reports whether err is part of normal life, so that running again is
// all there is to do: a context cancelled or past its deadline, also when a gRPC
// status says so, ErrStopped, or fate.ErrTempt. It sees through wrapping and joins.
//
// It is false for ErrHeadReached, and for any error that carries a
// *PanicError or a *CleanupError: a shutdown that lost its flush must be seen.
func IsExpected(err error) bool {
	if err == nil {
		return false
	}
	var (
		expected bool
		failed   bool
	)
	errors.Walk(err, func(e error) bool {
		//nolint:errorlint // Walk unwraps, so each error is looked at by itself.
		switch t := e.(type) {
		case *PanicError, *CleanupError:
			failed = true
		case grpcStatus:
			expected = expected || contextCause(t.GRPCStatus()) != nil
		}
		return !failed
	})
	if failed {
		return false
	}
	return expected || errors.IsAny(err, context.Canceled, context.DeadlineExceeded, fate.ErrTempt) || IsStoppedErr(err)
}
