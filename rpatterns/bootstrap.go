package rpatterns

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// NewBootstrapSpec returns a spec for a consumer that begins at the head of the stream, and not at its start, if it
// has no cursor yet. Once it has one the spec is that of NewSpec, and may be replaced by it.
//
// If the stream is a reflex.Positioner, as those of kafkastream are, the head is set as the cursor and flushed
// before the first event is consumed. From then on nothing is passed over, whatever fails or restarts.
//
// Other streams can't name their head, and the cursor is first set when the first event is consumed. If
// that event fails, the next run of this spec begins with it nevertheless, as it is remembered, but a restart
// of the process begins at a new head, and so does a run after one that got no event: what
// came in between is passed over.
//
// The context, the options and the errors of the stream and the store are handed on as they are.
func NewBootstrapSpec(
	stream reflex.StreamFunc, cstore reflex.CursorStore, consumer reflex.Consumer, opts ...reflex.StreamOption,
) reflex.Spec {
	b := newBootstrap(stream, cstore, consumer.Name())
	return reflex.NewSpec(b.open, b, consumer, opts...)
}

// bootstrap is the store and the stream of a spec.
type bootstrap struct {
	reflex.CursorStore
	stream reflex.StreamFunc
	name   string

	mu    sync.Mutex
	first *reflex.Event // delivered from a head without a name, and not consumed yet
}

func newBootstrap(stream reflex.StreamFunc, cstore reflex.CursorStore, consumer string) *bootstrap {
	return &bootstrap{CursorStore: cstore, stream: stream, name: consumer}
}

// GetCursor forgets the first event if somebody has set a cursor, which counts.
func (b *bootstrap) GetCursor(ctx context.Context, consumerName string) (string, error) {
	cursor, err := b.CursorStore.GetCursor(ctx, consumerName)
	if err == nil && cursor != "" {
		b.remember(nil)
	}
	return cursor, err
}

func (b *bootstrap) SetCursor(ctx context.Context, consumerName, cursor string) error {
	if err := b.CursorStore.SetCursor(ctx, consumerName, cursor); err != nil {
		return err
	}
	b.remember(nil)
	return nil
}

// open opens the stream. That there is no cursor is what after says: it is what the run got from
// GetCursor. Another run of the spec may have been told otherwise.
func (b *bootstrap) open(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	if after != "" || reflex.ResolveOptions(opts...).StreamFromHead {
		return b.stream(ctx, after, opts...)
	}
	if first := b.remembered(); first != nil {
		client, err := b.stream(ctx, first.ID, opts...)
		if err != nil {
			return nil, err
		}
		return &headClient{StreamClient: client, bootstrap: b, again: first, known: true}, nil
	}
	client, err := b.stream(ctx, after, append(slices.Clone(opts), reflex.WithStreamFromHead())...)
	if err != nil {
		return nil, err
	}
	head := positionOf(client)
	if head == "" {
		return &headClient{StreamClient: client, bootstrap: b}, nil
	}
	if err := b.store(ctx, head); err != nil {
		_ = closeClient(client) // it is the cursor that somebody has to look into
		return nil, errors.Wrap(err, "bootstrap cursor error")
	}
	return client, nil
}

// store makes the head durable.
func (b *bootstrap) store(ctx context.Context, head string) error {
	if err := b.SetCursor(ctx, b.name, head); err != nil {
		return err
	}
	return b.Flush(ctx)
}

func (b *bootstrap) remember(first *reflex.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.first = first
}

func (b *bootstrap) remembered() *reflex.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first
}

// headClient is a stream from a head that has no name, or one that goes on behind the first event of
// such a stream.
type headClient struct {
	reflex.StreamClient
	bootstrap *bootstrap
	again     *reflex.Event // to be delivered before those of the stream
	known     bool          // the first event
}

var _ io.Closer = (*headClient)(nil)

func (c *headClient) Recv() (*reflex.Event, error) {
	if c.again != nil {
		// A copy, so that what the consumer does to it is not there when it comes again.
		again := c.again.Clone()
		c.again = nil
		return again, nil
	}
	e, err := c.StreamClient.Recv()
	if err == nil && e != nil && !c.known {
		c.known = true
		if e.ID != "" { // else no stream can begin after it
			c.bootstrap.remember(e.Clone())
		}
	}
	return e, err
}

func (c *headClient) Close() error { return closeClient(c.StreamClient) }

// positionOf returns where the stream began, or "" if that is not known.
func positionOf(c reflex.StreamClient) string {
	p, ok := c.(reflex.Positioner)
	if !ok {
		return ""
	}
	position, ok := p.Position()
	if !ok {
		return ""
	}
	return position
}

// closeClient closes a client if it can be closed.
func closeClient(c reflex.StreamClient) error {
	if closer, ok := c.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
