package rpatterns

import (
	"context"

	"github.com/luno/fate"
)

// AckLogic is the business logic of an AckConsumer, in one of two forms. The second also
// gets a fate.Fate to tempt: see reflex.Logic.
type AckLogic interface {
	~func(context.Context, *AckEvent) error | ~func(context.Context, fate.Fate, *AckEvent) error
}

// BatchLogic is the business logic of a BatchConsumer, in one of two forms. The second also
// gets a fate.Fate to tempt: see reflex.Logic.
type BatchLogic interface {
	~func(context.Context, Batch) error | ~func(context.Context, fate.Fate, Batch) error
}
