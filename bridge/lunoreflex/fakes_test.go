package lunoreflex_test

import (
	"context"

	"github.com/luno/jettison/errors"
	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

type eventType int

func (t eventType) ReflexType() int { return int(t) }

// errConsumer is what consumers fail with on purpose.
var errConsumer = errors.New("the consumer fails")

// client is a stream of either library.
type client[E any] struct {
	recv func() (*E, error)
}

func (c client[E]) Recv() (*E, error) { return c.recv() }

// closer is a client with a Close.
type closer[E any] struct {
	client[E]
	close func() error
}

func (c closer[E]) Close() error { return c.close() }

// streamOf returns a stream of kreflex whose clients all are c.
func streamOf(c reflex.StreamClient) reflex.StreamFunc {
	return func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) { return c, nil }
}

// lunoStreamOf returns a stream of luno/reflex whose clients all are c.
func lunoStreamOf(c luno.StreamClient) luno.StreamFunc {
	return func(context.Context, string, ...luno.StreamOption) (luno.StreamClient, error) { return c, nil }
}

// consumer is a consumer of either library.
type consumer[E any] struct {
	name    string
	consume func(context.Context, *E) error
}

func (c consumer[E]) Name() string                            { return c.name }
func (c consumer[E]) Consume(ctx context.Context, e *E) error { return c.consume(ctx, e) }
