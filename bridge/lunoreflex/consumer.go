package lunoreflex

import (
	"context"

	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoConsumer returns a consumer of kreflex for whatever takes one of luno/reflex. Its
// Reset and Stop, if it has them, are called through the bridge.
//
// Reset and Consume of a consumer made of nil return ErrNil, and its name is empty.
func ToLunoConsumer(consumer reflex.Consumer) luno.Consumer {
	return toLunoConsumer{named{consumer}, consumer}
}

// FromLunoConsumer returns a consumer of luno/reflex for whatever takes one of kreflex. Its
// Reset and Stop, if it has them, are called through the bridge, so the stateful ones of
// luno/reflex's rpatterns work. Those of them that keep a cursor store of their own (Ack, Batch, Concurrent) are
// run by the spec that their package makes, with ToLunoStream and ToLunoCursors.
//
// Reset and Consume of a consumer made of nil return ErrNil, and its name is empty.
func FromLunoConsumer(consumer luno.Consumer) reflex.Consumer {
	return fromLunoConsumer{named{consumer}, consumer}
}

type toLunoConsumer struct {
	named
	consumer reflex.Consumer
}

func (c toLunoConsumer) Consume(ctx context.Context, e *luno.Event) error {
	if c.consumer == nil {
		return nilError("consumer")
	}
	if e == nil {
		return reflex.ErrNoEvent
	}
	return c.consumer.Consume(ctx, FromLunoEvent(e))
}

type fromLunoConsumer struct {
	named
	consumer luno.Consumer
}

func (c fromLunoConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if c.consumer == nil {
		return nilError("consumer")
	}
	if e == nil {
		return reflex.ErrNoEvent
	}
	return c.consumer.Consume(ctx, ToLunoEvent(e))
}

// named is what consumers of both libraries have in common, whatever their events are. Those
// who want no Reset or Stop are none the wiser for having it called here.
type named struct {
	of interface{ Name() string } // nil if there is no consumer
}

var (
	_ luno.ResetterCtx = named{}
	_ luno.Stopper     = named{}
)

func (n named) Name() string {
	if n.of == nil {
		return ""
	}
	return n.of.Name()
}

// Reset resets the consumer in the way that Run of either library would.
func (n named) Reset(ctx context.Context) error {
	switch r := n.of.(type) {
	case nil:
		return nilError("consumer")
	case reflex.ResetterCtx:
		return r.Reset(ctx)
	case interface{ Reset() error }:
		return r.Reset()
	default:
		return nil
	}
}

func (n named) Stop() error {
	if s, ok := n.of.(reflex.Stopper); ok {
		return s.Stop()
	}
	return nil
}
