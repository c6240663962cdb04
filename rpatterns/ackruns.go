package rpatterns

import (
	"context"
	"sync"

	"github.com/luno/fate"

	"github.com/kreflex/kreflex/reflex"
)

// ackRuns is an AckConsumer in a spec: the consumer, which knows what the filters let through, and the
// run that it is in.
type ackRuns struct {
	consumer *AckConsumer
	inner    reflex.Consumer // with the options of the consumer
	mine     reflex.EventFilter

	mu      sync.Mutex
	current *ackRun
}

var (
	_ reflex.Consumer    = (*ackRuns)(nil)
	_ reflex.ResetterCtx = (*ackRuns)(nil)
	_ reflex.Stopper     = (*ackRuns)(nil)
)

func newAckRuns(c *AckConsumer, mine reflex.EventFilter) *ackRuns {
	r := &ackRuns{consumer: c, mine: mine, current: newAckRun(c.name, c.store)}
	r.inner = reflex.NewConsumer(c.name, func(ctx context.Context, f fate.Fate, e *reflex.Event) error {
		return c.logic(ctx, f, r.run().hand(e))
	}, c.opts...)
	return r
}

func (r *ackRuns) run() *ackRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// begin begins a run. It must come before the cursor is read: an ack of the run before that moved the
// cursor after that would be of an event that this run delivers again.
func (r *ackRuns) begin(ctx context.Context) error {
	if err := r.run().end(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = newAckRun(r.consumer.name, r.consumer.store)
	return nil
}

func (r *ackRuns) Name() string { return r.consumer.name }

func (r *ackRuns) Reset(ctx context.Context) error { return resetInner(ctx, r.inner) }

func (r *ackRuns) Stop() error { return stopInner(r.inner) }

func (r *ackRuns) Consume(ctx context.Context, e *reflex.Event) error {
	run := r.run()
	run.deliver()
	if err := r.consume(ctx, e); err != nil {
		return err
	}
	run.dealtWith(e)
	return nil
}

func (r *ackRuns) consume(ctx context.Context, e *reflex.Event) error {
	if r.mine != nil {
		mine, err := r.mine(e)
		if err != nil || !mine {
			return err
		}
	}
	return r.inner.Consume(ctx, e)
}

// ackStore is the store of a spec whose cursor Run must not move.
type ackStore struct {
	runs *ackRuns
}

var _ reflex.CursorStore = (*ackStore)(nil)

func (s *ackStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	if err := s.runs.begin(ctx); err != nil {
		return "", err
	}
	return s.runs.consumer.store.GetCursor(ctx, consumerName)
}

// SetCursor is what Run says of each event that all is well with. It is true of those only that nobody
// will acknowledge.
func (s *ackStore) SetCursor(ctx context.Context, _, _ string) error {
	run := s.runs.run()
	to, ok := run.passable()
	if !ok {
		return nil
	}
	return run.advance(ctx, to)
}

func (s *ackStore) Flush(ctx context.Context) error { return s.runs.consumer.store.Flush(ctx) }
