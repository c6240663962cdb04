package rpatterns

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// drainCursorTimeout is how long the cursor of an event may take to be stored after the run's context is done. It is a
// part of the documentation of NewDrainSpec.
const drainCursorTimeout = 5 * time.Second

// ErrDrainTimeout is the cause, as context.Cause returns it, of a context that ended because the event was not done in the
// time that a DrainConsumer gives it.
var ErrDrainTimeout = errors.New("the event in hand was not done in time after the shutdown", j.C("ERR_83d5be42f07a1c96"))

// NewDrainConsumer returns a consumer that lets the given one finish the event in hand when the run is
// cancelled: its context ends d after that of the run, and has the same values and log keys. So a deployment doesn't
// interrupt, and repeat, what is nearly done. What has not begun when the context is done is not begun.
//
// If the event is not done after d, its context is done, with the cause ErrDrainTimeout, and the cursor stays before it.
//
// Whether the cursor of an event that was finished so is stored depends on the store, as Run gives it the context
// that is done: use NewDrainSpec.
//
// d must be shorter than what kills the process, and than the time after which another instance takes over: until
// then both may be at work. 0 or less changes nothing.
//
// With a retry policy, use NewRetryConsumer(NewDrainConsumer(consumer, d)): a pause between attempts need not
// be waited for. It may be used by several goroutines at once if the given consumer may. Reset and Stop are passed on; the
// context of Reset is that of the run, as it is.
func NewDrainConsumer(consumer reflex.Consumer, d time.Duration) reflex.Consumer {
	return &drainConsumer{Consumer: consumer, drainer: newDrainer(d)}
}

// NewDrainSpec returns a spec with a NewDrainConsumer of the consumer, of which the cursor of the event that was finished
// after the run's context was done is stored as well. The store gets up to 5 seconds for that. So Run ends at the latest d and 5
// seconds after its context, and the time that it has for cleaning up.
//
// The store need not be used for this spec only.
func NewDrainSpec(stream reflex.StreamFunc, store reflex.CursorStore, consumer reflex.Consumer, d time.Duration,
	opts ...reflex.StreamOption,
) reflex.Spec {
	return reflex.NewSpec(stream, drainStore{store}, NewDrainConsumer(consumer, d), opts...)
}

type drainConsumer struct {
	reflex.Consumer
	drainer *drainer
}

var (
	_ reflex.ResetterCtx = (*drainConsumer)(nil)
	_ reflex.Stopper     = (*drainConsumer)(nil)
)

func (c *drainConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Consumer.Consume(c.drainer.context(ctx), e)
}

func (c *drainConsumer) Reset(ctx context.Context) error { return resetInner(ctx, c.Consumer) }
func (c *drainConsumer) Stop() error                     { return stopInner(c.Consumer) }

// drainStore stores cursors also when the context is done: what was consumed is consumed.
type drainStore struct{ reflex.CursorStore }

func (s drainStore) SetCursor(ctx context.Context, consumerName, cursor string) error {
	if ctx.Err() == nil {
		err := s.CursorStore.SetCursor(ctx, consumerName, cursor)
		if err == nil || ctx.Err() == nil {
			return err
		}
		// The context ended meanwhile, which may be why it failed. Setting the same cursor again does no harm.
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainCursorTimeout)
	defer cancel()
	return s.CursorStore.SetCursor(ctx, consumerName, cursor)
}
