package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

type getAckConsumerFn = func(m int) AckConsumer

// ParallelAckConsumer returns the *AckConsumer of a shard, for NewAckSpec. It runs consume for the events that are
// the shard's. The cursor moves past those of other shards when all that was delivered before them is acknowledged.
//
// If there can't be such a shard, as ErrNoShards says, Run ends with that at the first event.
func ParallelAckConsumer[L AckLogic](
	shard ConsumerShard, store reflex.CursorStore, consume L, opts ...reflex.ConsumerOption,
) reflex.Consumer {
	c := NewAckConsumer(shard.Name, store, consume, opts...)
	c.mine = func(e *reflex.Event) (bool, error) { return belongs(shard.filter, e) }
	return c
}

// ParallelAck is Parallel for consumers that acknowledge their events themselves. getConsumer(m) says as well where
// the cursor of shard m is stored.
//
// It panics if n is not positive.
func ParallelAck(getCtx getCtxFn, getConsumer getAckConsumerFn, n int, stream reflex.StreamFunc, opts ...ParallelOption) {
	if err := checkShards("", n); err != nil {
		panic(err)
	}
	conf := newParallelConfig(opts)
	shared := newShardHub(stream)
	for m := range n {
		consumer := getConsumer(m)
		filter := ackShardFilter(consumer.mine, shardFilter(m, n, conf.hash))
		spec := consumer.spec(shared.stream, filter, conf.streamOpts...)
		go RunForever(func() context.Context { return getCtx(m) }, spec)
	}
}

// ackShardFilter is true for what both filters are, as the consumer may be that of a shard already.
func ackShardFilter(own, shard reflex.EventFilter) reflex.EventFilter {
	return func(e *reflex.Event) (bool, error) {
		ok, err := belongs(shard, e)
		if err != nil || !ok || own == nil {
			return ok, err
		}
		return own(e)
	}
}
