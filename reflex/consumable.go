package reflex

import (
	"context"
	"slices"
)

// ConsumeFunc is the method of a Consumable as a function.
//
// Deprecated: use a Spec and Run.
type ConsumeFunc func(context.Context, Consumer, ...StreamOption) error

// Consumable runs consumers on one stream and one store.
//
// Deprecated: use a Spec and Run.
type Consumable interface {
	// Consume runs the consumer until something ends it, and returns what did, as Run does.
	Consume(ctx context.Context, consumer Consumer, opts ...StreamOption) error
}

// NewConsumable returns a Consumable for the stream and the store. Its Consume runs with these options and, after
// them, those of the call, so that a call may add to them and change a lag. It is safe for concurrent
// use if its parts are. Consume panics on a nil option, as NewSpec does.
//
// Deprecated: use NewSpec and Run.
func NewConsumable(sFn StreamFunc, cstore CursorStore, opts ...StreamOption) Consumable {
	return &consumable{stream: sFn, cStore: cstore, opts: slices.Clone(opts)}
}

type consumable struct {
	stream StreamFunc
	cStore CursorStore
	opts   []StreamOption
}

func (c *consumable) Consume(ctx context.Context, consumer Consumer, opts ...StreamOption) error {
	return Run(ctx, NewSpec(c.stream, c.cStore, consumer, slices.Concat(c.opts, opts)...))
}
