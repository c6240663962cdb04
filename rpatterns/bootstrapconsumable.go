package rpatterns

import (
	"context"
	"slices"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// NewBootstrapConsumable returns a Consumable whose consumers begin at the head of the stream if they
// have no cursor yet, as those of NewBootstrapSpec do. Consume runs with these options and, after
// them, those of the call. It may be called for several consumers at once, of different names.
//
// Deprecated: use NewBootstrapSpec and reflex.Run.
func NewBootstrapConsumable(
	sFn reflex.StreamFunc, cstore reflex.CursorStore, opts ...reflex.StreamOption,
) reflex.Consumable {
	return &bootstrapConsumable{
		stream: sFn, store: cstore, opts: slices.Clone(opts), byName: make(map[string]*bootstrap),
	}
}

type bootstrapConsumable struct {
	stream reflex.StreamFunc
	store  reflex.CursorStore
	opts   []reflex.StreamOption

	mu sync.Mutex
	// byName is kept from call to call, as what is remembered is there: see NewBootstrapSpec.
	byName map[string]*bootstrap
}

func (c *bootstrapConsumable) Consume(ctx context.Context, consumer reflex.Consumer, opts ...reflex.StreamOption) error {
	b := c.of(consumer.Name())
	return reflex.Run(ctx, reflex.NewSpec(b.open, b, consumer, slices.Concat(c.opts, opts)...))
}

func (c *bootstrapConsumable) of(name string) *bootstrap {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.byName[name]
	if !ok {
		b = newBootstrap(c.stream, c.store, name)
		c.byName[name] = b
	}
	return b
}
