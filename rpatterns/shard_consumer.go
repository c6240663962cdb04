package rpatterns

import (
	"context"

	"github.com/luno/fate"

	"github.com/kreflex/kreflex/internal/logic"
	"github.com/kreflex/kreflex/reflex"
)

// ParallelConsumer returns the consumer of a shard. It runs consume for the events that are the shard's, with the
// options of reflex.NewConsumer. Of the others nothing is to be seen but the cursor, which moves past them.
//
// Lag, age, latency and activity in the metrics are of the shard's own events only.
//
// An error of the function given to WithHashFn is one of the consumer: it is offered to the recovery function and
// counted, unless the consumer's own filters don't want the event.
func ParallelConsumer[L reflex.Logic](shard ConsumerShard, consume L, opts ...reflex.ConsumerOption) reflex.Consumer {
	tempted := logic.Tempted[*reflex.Event](consume)
	inner := reflex.NewConsumer(shard.Name, func(ctx context.Context, f fate.Fate, e *reflex.Event) error {
		if err, ok := ctx.Value(shardErrorKey{}).(error); ok {
			return err
		}
		return tempted(ctx, f, e)
	}, opts...)
	return &shardConsumer{Consumer: inner, filter: shard.filter, err: shard.err, passErrors: true}
}

// shardErrorKey is where the context has the error of a shard's filter, so that it happens where errors
// are counted and recovered from.
type shardErrorKey struct{}

// shardConsumer keeps the events of other shards from a consumer. It is around what has the metrics, not
// within: otherwise a shard that is stuck would look alive, and an idle one busy, with the
// events of others.
type shardConsumer struct {
	reflex.Consumer
	filter EventFilter
	err    error
	// passErrors says that the consumer looks for an error of the filter in its context.
	passErrors bool
}

var (
	_ reflex.ResetterCtx = (*shardConsumer)(nil)
	_ reflex.Stopper     = (*shardConsumer)(nil)
)

func (c *shardConsumer) Consume(ctx context.Context, e *reflex.Event) error {
	if c.err != nil {
		return c.err
	}
	ok, err := belongs(c.filter, e)
	switch {
	case err == nil && !ok:
		return nil
	case err != nil && !c.passErrors:
		return err
	case err != nil:
		ctx = context.WithValue(ctx, shardErrorKey{}, err)
	}
	return c.Consumer.Consume(ctx, e)
}

// Reset also says what is wrong with the shard, before an event comes.
func (c *shardConsumer) Reset(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	return resetInner(ctx, c.Consumer)
}

func (c *shardConsumer) Stop() error { return stopInner(c.Consumer) }
