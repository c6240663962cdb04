package rpatterns

import (
	"context"
	"fmt"

	"github.com/luno/fate"

	"github.com/kreflex/kreflex/internal/logic"
	"github.com/kreflex/kreflex/reflex"
)

// NewDeadLetterConsumer returns a consumer that records an event with eFn when fn has failed for it
// more than retries times, and then moves past it. With 0 retries it does so at the first failure.
// A panic of fn is a failure too.
//
// Until then it returns the error of fn, so each retry is a run of its own, after whatever
// backoff the runs have. Failures are counted by event ID, in memory.
//
// eFn gets the name of the consumer, the ID of the event, and the error: its text, and in the
// lines behind it what the text leaves out, where there is any: codes, key-values and stack. It is
// valid UTF-8 and at most 32 KiB. If eFn fails the event stays where it is: the consumer
// returns the error of fn joined with that of eFn, tries fn again in the next run, and eFn if that fails.
// eFn must bear being called again for an event that is recorded already.
//
// An event is never recorded or passed over because of a shutdown: when the context is done, or
// the error is one that reflex.IsExpected, the error is returned and not counted.
// context.DeadlineExceeded counts if the context has no deadline, as it is then a
// time-out of fn's own.
//
// Each event recorded counts in reflex_consumer_dead_lettered_events_count.
//
// The consumer may be used by several goroutines at once if fn and eFn may.
func NewDeadLetterConsumer[L reflex.Logic](
	name string, retries int, fn L, eFn reflex.ErrorInsertFunc, opts ...reflex.ConsumerOption,
) reflex.Consumer {
	d := &deadLetter{
		name: name, logic: logic.Tempted[*reflex.Event](fn), insert: eFn,
		attempts: attempts{limit: retries}, count: func() {},
	}
	consumer := reflex.NewConsumer(name, d.consume, opts...)
	if counter, ok := consumer.(interface{ DeadLettered() }); ok {
		d.count = counter.DeadLettered
	}
	return consumer
}

type deadLetter struct {
	name     string
	logic    func(context.Context, fate.Fate, *reflex.Event) error
	insert   reflex.ErrorInsertFunc
	attempts attempts
	count    func() // an event that was recorded
}

func (d *deadLetter) consume(ctx context.Context, f fate.Fate, e *reflex.Event) error {
	err := call(func() error { return d.logic(ctx, f, e) })
	switch {
	case err == nil:
	case isShutdown(ctx, err), !d.attempts.exhausted(e.ID):
		return err
	default:
		if insertErr := d.insert(ctx, d.name, e.ID, wholeError(err)); insertErr != nil {
			return &unrecordedError{cause: err, insert: insertErr}
		}
		d.count()
	}
	d.attempts.done(e.ID)
	return nil
}

// unrecordedError is why an event failed, in front, and why that could not be recorded. It is one
// line, unlike errors.Join.
type unrecordedError struct {
	cause  error
	insert error
}

func (e *unrecordedError) Error() string {
	return fmt.Sprintf("%v; dead letter not recorded: %v", e.cause, e.insert)
}

func (e *unrecordedError) Unwrap() []error { return []error{e.cause, e.insert} }
