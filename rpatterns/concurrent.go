package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// ConcurrentConsumer handles several events at once, in no order at all. Use it for events that have
// nothing to do with each other and take their time; see KeyedConsumer for those where the order per
// key matters. Run it with NewConcurrentSpec only: a plain spec would set the cursor to
// events that are not done.
//
// The cursor is the low-water mark: the last event before which, and with which, all are done. It is
// set while the run goes on, every 10 ms at most, and at its end, by one goroutine. IDs
// are not looked at, so any cursor will do. After a crash the events behind the mark come again. Those
// are 64 times maxInFlight at most, but no more than 65536 or maxInFlight, if that is more: a consumer that is so
// far ahead of an event that is not done waits for it.
//
// A failure of an event, or a panic, ends the run at once, as if the event had just been received. What else
// is with handlers is finished, and nothing else is begun. So is it when Run's context is
// done; handlers see that in theirs, and must return soon. See ErrInFlight for those that don't.
//
// The consumer inside must be safe for concurrent use. That of reflex.NewConsumer is, if its logic is.
type ConcurrentConsumer struct {
	concurrency *concurrency
}

var (
	_ reflex.Consumer = (*ConcurrentConsumer)(nil)
	_ reflex.Stopper  = (*ConcurrentConsumer)(nil)
)

// NewConcurrentConsumer returns a consumer that hands events to consumer, of which maxInFlight at most
// are with it at a time. If that is less than 1, Reset and Consume return ErrInvalidLimit. The
// cursor is kept in cStore, under the name of consumer.
func NewConcurrentConsumer(cStore reflex.CursorStore, consumer reflex.Consumer, maxInFlight int) *ConcurrentConsumer {
	return &ConcurrentConsumer{newConcurrency(cStore, consumer, nil, defaultLimits(maxInFlight))}
}

// NewConcurrentSpec returns a spec of the consumer. It may be run again and again, and once at a time.
func NewConcurrentSpec(stream reflex.StreamFunc, rac *ConcurrentConsumer, opts ...reflex.StreamOption) reflex.Spec {
	return rac.concurrency.spec(stream, concurrentRunner{rac}, opts)
}

// Name returns the name of the consumer inside.
func (c *ConcurrentConsumer) Name() string { return c.concurrency.consumer.Name() }

// Reset waits for what is in flight, for 9 seconds at most, sets and flushes its cursor, resets the consumer inside, and forgets an
// earlier failure.
func (c *ConcurrentConsumer) Reset() error { return c.concurrency.reset(context.Background()) }

// Consume hands the event over, and waits for room. It returns an earlier failure of the
// run, with the ID of its event under the key error_event_id, the error of ctx when that is done
// before there is room, and reflex.ErrStopped after Stop.
func (c *ConcurrentConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	return c.concurrency.consume(ctx, e)
}

// Stop waits for what is in flight, for 9 seconds at most, and stops the consumer inside. A run that goes on
// ends with reflex.ErrStopped.
func (c *ConcurrentConsumer) Stop() error {
	err := c.stop()
	if stopErr := stopInner(c.concurrency.consumer); err == nil {
		err = stopErr
	}
	return err
}

func (c *ConcurrentConsumer) stop() error { return c.concurrency.stop() }

// concurrentRunner is the consumer for Run, whose context Reset can then obey.
type concurrentRunner struct{ *ConcurrentConsumer }

var _ reflex.ResetterCtx = concurrentRunner{}

func (r concurrentRunner) Reset(ctx context.Context) error { return r.concurrency.reset(ctx) }
