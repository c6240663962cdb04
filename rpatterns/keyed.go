package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// KeyedConsumer handles several events at once, but those of one key one after the other, in the order of the
// stream. So handlers that are slow, and events of many keys, take a fraction of the time: with n in
// flight up to the n-th part. Run it with NewKeyedSpec only: a plain spec
// would set the cursor to events that are not done.
//
// # Cursor
//
// The cursor is the low-water mark: the last event before which, and with which, all are done. It is
// set while the run goes on, every 10 ms at most, and at its end, by one goroutine. IDs
// are not looked at, so any cursor will do. After a crash the events behind the mark come again, which is
// never more than the window: see WithKeyedWindow. After a run that ended otherwise those come
// again that were not done, and those done behind them.
//
// # Failures
//
// A failure of an event, or a panic, ends the run at once, as if the event had just been received: Run returns
// it as "consume error" with the event's keys. What else is with handlers is finished, and nothing
// else is begun. So is it when Run's context is done; handlers see that in theirs, and must return
// soon. See ErrInFlight for those that don't. A cursor that can't be set ends the run as well.
//
// The consumer inside must be safe for concurrent use, for events of different keys. That of
// reflex.NewConsumer is, if its logic is.
type KeyedConsumer struct {
	concurrency *concurrency
}

var (
	_ reflex.Consumer    = (*KeyedConsumer)(nil)
	_ reflex.ResetterCtx = (*KeyedConsumer)(nil)
	_ reflex.Stopper     = (*KeyedConsumer)(nil)
)

// KeyedOption is an option of NewKeyedConsumer. Of two that set the same thing, the later one holds.
type KeyedOption func(*limits)

// WithKeyedWindow sets how many events there may be from the first that is not done to the newest. It
// bounds the memory, and what comes again after a crash. It also is how far the others get while
// one event takes its time, or a key has more events than the rest. The default is 64 times
// maxInFlight, but no more than 65536 or maxInFlight, if that is more. A window
// of less than maxInFlight is ErrInvalidLimit.
func WithKeyedWindow(events int) KeyedOption {
	return func(l *limits) { l.window = events }
}

// NewKeyedConsumer returns a consumer that hands events to consumer, of which maxInFlight at most
// are with it at a time, and of each key one. If maxInFlight is less than 1, Reset and Consume return
// ErrInvalidLimit. The cursor is kept in cStore, under the name of consumer.
//
// A nil key means Event.ForeignID. It is called once for each event, in the order of the stream. The empty key is a key
// like any other: its events wait for each other.
func NewKeyedConsumer(cStore reflex.CursorStore, consumer reflex.Consumer, key func(*reflex.Event) string,
	maxInFlight int, opts ...KeyedOption,
) *KeyedConsumer {
	if key == nil {
		key = func(e *reflex.Event) string { return e.ForeignID }
	}
	limits := defaultLimits(maxInFlight)
	for _, opt := range opts {
		opt(&limits)
	}
	return &KeyedConsumer{newConcurrency(cStore, consumer, key, limits)}
}

// NewKeyedSpec returns a spec of the consumer. It may be run again and again, and once at a time.
func NewKeyedSpec(stream reflex.StreamFunc, kc *KeyedConsumer, opts ...reflex.StreamOption) reflex.Spec {
	return kc.concurrency.spec(stream, kc, opts)
}

// Name returns the name of the consumer inside.
func (c *KeyedConsumer) Name() string { return c.concurrency.consumer.Name() }

// Reset waits for what is in flight, for 9 seconds at most, resets the consumer inside, and forgets an earlier failure.
func (c *KeyedConsumer) Reset(ctx context.Context) error { return c.concurrency.reset(ctx) }

// Consume hands the event over, and waits for room. It returns an earlier failure of the
// run, with the ID of its event under the key error_event_id, the error of ctx when that is done
// before there is room, and reflex.ErrStopped after Stop.
func (c *KeyedConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	return c.concurrency.consume(ctx, e)
}

// Stop waits for what is in flight, for 9 seconds at most, and stops the consumer inside. A run that goes on
// ends with reflex.ErrStopped.
func (c *KeyedConsumer) Stop() error {
	err := c.concurrency.stop()
	if stopErr := stopInner(c.concurrency.consumer); err == nil {
		err = stopErr
	}
	return err
}
