package rpatterns

import (
	"context"
	"slices"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/logic"
	"github.com/kreflex/kreflex/reflex"
)

// ErrStaleAck is returned by Ack of an event that an earlier run delivered, once a later run has begun.
// The later run began at the cursor as it was, so it delivers the event again. The cursor can't follow both.
var ErrStaleAck = errors.New("event was delivered by an earlier run, and is delivered again", j.C("ERR_8d3f60b1c5e2974a"))

// ackGrace is how long an Ack may take once its context is done.
const ackGrace = 5 * time.Second

// AckEvent is an event that the logic acknowledges itself, when it likes and from any goroutine. It
// may be copied and kept.
type AckEvent struct {
	reflex.Event

	run *ackRun
	seq uint64 // of its delivery
}

// Ack says that this event and all that were delivered before it are done. It moves the cursor to
// the event, and returns when that is durable, or with the error of the cursor store. Events that
// follow and were filtered out are passed too.
//
// The cursor never goes back within a run: what counts is the order of delivery, so an Ack after that
// of a later event leaves the cursor where it is. That is also the risk of acking out of order, which is
// allowed: an earlier event that was not done when the process ended is not delivered again.
//
// The work is done, so a context that is done does not keep Ack from writing it down: Ack takes as long as ctx
// allows, and 5 seconds more. After its run it works until the next run begins; then it
// returns ErrStaleAck.
func (e *AckEvent) Ack(ctx context.Context) error {
	ctx, cancel := linger(ctx, ackGrace)
	defer cancel()
	if err := e.run.advance(ctx, position{seq: e.seq, id: e.ID}); err != nil {
		return err
	}
	return e.run.store.Flush(ctx)
}

// AckConsumerFunc is the business logic of an AckConsumer.
type AckConsumerFunc func(ctx context.Context, event *AckEvent) error

// AckConsumer is a consumer whose cursor is moved by AckEvent.Ack instead of by Run. Run it with
// NewAckSpec: only that keeps Run from moving the cursor. It may be copied.
type AckConsumer struct {
	name  string
	store reflex.CursorStore
	logic func(context.Context, fate.Fate, *AckEvent) error
	opts  []reflex.ConsumerOption
	fate  fate.Fate          // for Consume
	mine  reflex.EventFilter // of a shard; nil is all events
}

var _ reflex.Consumer = (*AckConsumer)(nil)

// NewAckConsumer returns a consumer that acknowledges its events itself. The options are
// those of the consumer that NewAckSpec makes of it.
func NewAckConsumer[L AckLogic](
	name string, cStore reflex.CursorStore, consume L, opts ...reflex.ConsumerOption,
) *AckConsumer {
	return newAckConsumer(name, cStore, logic.Tempted[*AckEvent](consume), opts)
}

func newAckConsumer(
	name string, cStore reflex.CursorStore, logic func(context.Context, fate.Fate, *AckEvent) error, opts []reflex.ConsumerOption,
) *AckConsumer {
	return &AckConsumer{name: name, store: cStore, logic: logic, opts: slices.Clone(opts), fate: fate.New()}
}

// Name returns the name of the consumer.
func (c *AckConsumer) Name() string { return c.name }

// Consume calls the logic with the event, without what NewAckSpec adds: the options, metrics and the
// order of acks. Each Ack of such an event moves the cursor to it.
func (c *AckConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if c.mine != nil {
		if ok, err := c.mine(e); err != nil || !ok {
			return err
		}
	}
	run := newAckRun(c.name, c.store)
	run.deliver()
	return c.logic(ctx, c.fate, run.hand(e))
}

// NewAckSpec returns a spec for the consumer. Its cursor is moved by Ack, and by events that
// are filtered out when all that was delivered before them is acknowledged: otherwise a
// consumer that wants few events would read all others again after each restart.
func NewAckSpec(stream reflex.StreamFunc, ac *AckConsumer, opts ...reflex.StreamOption) reflex.Spec {
	return ac.spec(stream, ac.mine, opts...)
}

// spec returns a spec for the part of the events that mine is true for, which is all if it is nil. The
// others count as filtered out, in the cursor but not in the metrics.
func (c *AckConsumer) spec(stream reflex.StreamFunc, mine reflex.EventFilter, opts ...reflex.StreamOption) reflex.Spec {
	runs := newAckRuns(c, mine)
	return reflex.NewSpec(stream, &ackStore{runs: runs}, runs, opts...)
}
