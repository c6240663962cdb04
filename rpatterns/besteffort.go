package rpatterns

import (
	"context"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"

	"github.com/kreflex/kreflex/internal/logic"
	"github.com/kreflex/kreflex/reflex"
)

// NewBestEffortConsumer returns a consumer that gives an event up when fn has failed for it
// more than retries times: the error is logged, and the cursor moves past the event. With 0 retries
// it gives up at the first failure. A panic of fn is a failure too.
//
// Until then it returns the error of fn, so each retry is a run of its own, after whatever
// backoff the runs have. Failures are counted by event ID, in memory.
//
// An event is never given up because of a shutdown: when the context is done, or the error is one
// that reflex.IsExpected, the error is returned and not counted. context.DeadlineExceeded
// counts if the context has no deadline, as it is then a time-out of fn's own.
//
// The consumer may be used by several goroutines at once if fn may.
func NewBestEffortConsumer[L reflex.Logic](name string, retries int, fn L, opts ...reflex.ConsumerOption) reflex.Consumer {
	b := &bestEffort{name: name, logic: logic.Tempted[*reflex.Event](fn), attempts: attempts{limit: retries}}
	return reflex.NewConsumer(name, b.consume, opts...)
}

type bestEffort struct {
	name     string
	logic    func(context.Context, fate.Fate, *reflex.Event) error
	attempts attempts
}

func (b *bestEffort) consume(ctx context.Context, f fate.Fate, e *reflex.Event) error {
	err := call(func() error { return b.logic(ctx, f, e) })
	switch {
	case err == nil:
	case isShutdown(ctx, err), !b.attempts.exhausted(e.ID):
		return err
	default:
		log.Error(ctx, errors.Wrap(err, "best effort consumer ignoring error"),
			j.MKS{"consumer": b.name, "event_id": e.ID, "event_fid": e.ForeignID})
	}
	b.attempts.done(e.ID)
	return nil
}
