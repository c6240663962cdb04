package topics

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// attemptTimeout bounds one request, so that another broker is asked if one hangs.
const attemptTimeout = 3 * time.Second

var errSilent = errors.New("broker did not answer in time", j.C("ERR_24fd8e6b0c97a135"))

// Ask makes a request and repeats it while its error is one that goes away by itself. It returns
// a *partition.GaveUp or the error of ctx once that is done.
func Ask[T any](ctx context.Context, cl *kafka.Client, fn func(context.Context) (T, error)) (T, error) {
	return ask(ctx, cl, passing, fn)
}

// ask makes a request and repeats it while its error is one that passes. See Ask.
func ask[T any](ctx context.Context, cl *kafka.Client, passes func(error) bool, fn func(context.Context) (T, error)) (T, error) {
	var (
		pause kafka.Backoff
		last  error
		zero  T
	)
	for {
		res, err := attempt(ctx, cl, fn)
		if ctxErr := ctx.Err(); ctxErr != nil && err != nil {
			if last == nil {
				return zero, ctxErr
			}
			return zero, &partition.GaveUp{Context: ctxErr, Last: last}
		}
		if err == nil || !passes(err) {
			return res, err
		}
		last = err
		if err := pause.Wait(ctx); err != nil {
			return zero, &partition.GaveUp{Context: err, Last: last}
		}
	}
}

func attempt[T any](ctx context.Context, cl *kafka.Client, fn func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	res, err := kafka.Do(limited, cl, fn)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return res, errSilent
	}
	return res, err
}

// passing reports whether an error goes away by itself.
func passing(err error) bool {
	class := kafka.Classify(err)
	return class == kafka.Transient || class == kafka.Leader
}

// passingWhenNew is passing for a topic that was just created, of which not
// all brokers have heard.
func passingWhenNew(err error) bool { return passing(err) || kafka.Classify(err) == kafka.Unknown }
