package rpatterns

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

const (
	defaultRetryAttempts = 5
	defaultRetryPause    = 100 * time.Millisecond
	defaultRetryLongest  = 10 * time.Second
)

// ErrRetryVerdict says that a retry rule has an outcome that there isn't, or less than no attempts. It is returned
// like ErrNoDeadLetter.
var ErrRetryVerdict = errors.New("a retry rule makes no sense", j.C("ERR_2d96a0c8e7f41b53"))

// ErrNoDeadLetter says that a retry rule dead-letters and that there is no WithRetryDeadLetter. A consumer made so
// returns it from Reset, so that Run ends with it before any event is consumed.
var ErrNoDeadLetter = errors.New("a retry rule dead-letters, but there is no function for it", j.C("ERR_7be15f02d94ac863"))

// DeadLetterFunc keeps an event that could not be consumed, with the error, where somebody will look at it. When it
// returns nil the event is kept for good, and the consumer goes on behind it. It may be called again with an event it
// has kept, as the program may end before the cursor has moved. It obeys its context.
type DeadLetterFunc func(ctx context.Context, consumerName string, e *reflex.Event, cause error) error

// NewRetryConsumer returns a consumer that calls the given one again when it fails, after a pause that
// grows. When the attempts at an event are used up it sticks, which is the default, skips the event, or dead-letters it.
// Rules say which, by the error: see WithRetryRule and WithRetryDefault.
//
//   - RetryStick returns the error. Run ends, the cursor stays before the event, and the next run starts with it and with
//     all its attempts.
//   - RetrySkip logs the error with the text "retry skipped the event: ...", and goes on behind the event.
//   - RetryDeadLetter does the same, with "retry dead-lettered the event: ...", once the function of WithRetryDeadLetter
//     has kept the event. If that fails it sticks, with a *DeadLetterError of both errors.
//
// What is decided is done before the cursor moves, so that an end of the program in between can only repeat it.
//
// A shutdown is no failure of the event. When the context is done, or an error is one that
// reflex.IsExpected says is part of life, that is returned at once: it is no attempt, and never skips or dead-letters.
// A panic is an error like another, a *reflex.PanicError, which a rule may match.
//
// The pauses hold up the stream, and the events behind with it. Attempts at an event are counted
// while it is in hand, not from run to run.
//
// Metrics: around a reflex.NewConsumer, which is usual, each attempt is measured by itself and counted as an error if it
// fails. Within the logic of a NewConsumer the event is measured once, with its pauses, and one that was
// skipped or dead-lettered counts as consumed.
//
// It may be used by several goroutines at once if the given one may. Reset and Stop are passed on.
func NewRetryConsumer(consumer reflex.Consumer, opts ...RetryOption) reflex.Consumer {
	c := &retryConsumer{Consumer: consumer, conf: newRetryConfig(opts)}
	c.err = c.conf.check()
	return c
}

type retryConsumer struct {
	reflex.Consumer
	conf retryConfig
	err  error // what is wrong with conf
}

var (
	_ reflex.ResetterCtx = (*retryConsumer)(nil)
	_ reflex.Stopper     = (*retryConsumer)(nil)
)

func (c *retryConsumer) Reset(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	return resetInner(ctx, c.Consumer)
}

func (c *retryConsumer) Stop() error { return stopInner(c.Consumer) }

func (c *retryConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if c.err != nil {
		return c.err
	}
	for attempts := 1; ; attempts++ {
		cause := c.attempt(ctx, e)
		if cause == nil || reflex.IsExpected(cause) {
			return cause
		}
		if ctx.Err() != nil {
			return interrupted(ctx, cause)
		}
		verdict := c.conf.verdict(cause)
		if verdict.exhausted(attempts) {
			return c.conclude(ctx, e, verdict.Outcome, cause, attempts)
		}
		if growth.Wait(ctx, c.conf.pauses.Next(attempts)) != nil {
			return interrupted(ctx, cause)
		}
	}
}

// attempt makes an error of a panic, as the consumer may not be one of NewConsumer.
func (c *retryConsumer) attempt(ctx context.Context, e *reflex.Event) (err error) {
	defer recoverPanic(&err)
	return c.Consumer.Consume(ctx, e)
}

// interrupted is the end of the context, with what was wrong before only told: it is not why we end.
func interrupted(ctx context.Context, cause error) error {
	return errors.Wrap(ctx.Err(), "retry interrupted", j.KV("cause", cause.Error()))
}

// conclude does what is to be done when the attempts are used up.
func (c *retryConsumer) conclude(ctx context.Context, e *reflex.Event, outcome RetryOutcome, cause error, attempts int) error {
	keys := j.MKV{"consumer": c.Name(), "event_id": e.ID, "event_fid": e.ForeignID, "attempts": attempts}
	switch outcome {
	case RetrySkip:
		log.Error(ctx, errors.Wrap(cause, "retry skipped the event", keys))
	case RetryDeadLetter:
		if err := c.deadLetter(ctx, e, cause); err != nil {
			if reflex.IsExpected(err) && ctx.Err() == nil {
				// Such as a time-out of its own: whoever runs us takes it for part of life, and keeps silent.
				log.Error(ctx, errors.Wrap(err, "retry could not dead-letter the event", keys))
			}
			return err
		}
		log.Error(ctx, errors.Wrap(cause, "retry dead-lettered the event", keys))
	default:
		if attempts == 1 {
			return cause
		}
		return errors.Wrap(cause, fmt.Sprintf("retried %d times", attempts-1))
	}
	if c.conf.hook != nil {
		c.conf.hook(ctx, outcome, c.Name(), e, cause)
	}
	return nil
}

func (c *retryConsumer) deadLetter(ctx context.Context, e *reflex.Event, cause error) (err error) {
	defer func() {
		if err != nil {
			err = &DeadLetterError{Cause: cause, DeadLetter: err}
		}
	}()
	defer recoverPanic(&err)
	return c.conf.deadLetter(ctx, c.Name(), e, cause)
}

// DeadLetterError says that an event could neither be consumed nor dead-lettered. The cursor stays before it.
type DeadLetterError struct {
	// Cause is why it could not be consumed.
	Cause error
	// DeadLetter is why it could not be dead-lettered.
	DeadLetter error
}

var _ error = (*DeadLetterError)(nil)

// Error returns both texts in one line.
func (e *DeadLetterError) Error() string {
	return fmt.Sprintf("%v; dead letter error: %v", e.Cause, e.DeadLetter)
}

// Unwrap returns both errors.
func (e *DeadLetterError) Unwrap() []error { return []error{e.Cause, e.DeadLetter} }
