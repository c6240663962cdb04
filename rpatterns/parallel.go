package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// ParallelSpecs divides a consumer into n shards and returns the spec of each. Each event is consumed by one of
// them: see ConsumerShards. Each has a name of its own, and so a cursor, which moves past the events of the others.
//
// The number of shards is a part of their names: another number starts with new cursors.
//
// # Sharing
//
// The specs that run at the same time share one stream. A shard that starts elsewhere than the shared
// stream is, or that is so slow that it falls out of what is kept for it (1024 events or 8 MiB), reads
// a stream of its own until the two meet. So no shard ever waits for another one. What a
// StreamFunc reads from its context is what that of the shard has that opened the stream, without its end.
// An error of the shared stream ends the runs of all the shards that share it.
//
// Shards with WithStreamFromHead or WithStreamToHead don't share, as each has a head of its own: that of the moment when it
// starts, or gets there.
//
// If n is not positive there is one spec, and Run of it ends with ErrNoShards.
func ParallelSpecs[L reflex.Logic](name string, n int,
	stream reflex.StreamFunc, store reflex.CursorStore,
	consume L,
	opts ...ParallelOption,
) []reflex.Spec {
	conf := newParallelConfig(opts)
	shared := newShardHub(stream)
	shards := ConsumerShards(name, n, opts...)
	specs := make([]reflex.Spec, len(shards))
	for m, shard := range shards {
		consumer := ParallelConsumer(shard, consume, shard.consumerOpts...)
		specs[m] = reflex.NewSpec(shared.stream, store, consumer, conf.streamOpts...)
	}
	return specs
}

// Parallel starts n goroutines and returns. Goroutine m, from 0, does RunForever with getCtx(m) and the
// consumer getConsumer(m), which gets one of n parts of the events, chosen as ConsumerShards does. It ends when getCtx(m)
// returns a context that is done: see RunForever. Where each instance of a program is given some of the shards, getCtx
// blocks until it is given the shard.
//
// The name of a consumer must differ from those of the others, as its cursor is kept under it.
//
// The shards that run in this process share one stream: see ParallelSpecs. The number of shards should be a part of their names,
// as another number needs new cursors.
//
// It panics if n is not positive.
func Parallel(getCtx getCtxFn, getConsumer getConsumerFn, n int, stream reflex.StreamFunc,
	cstore reflex.CursorStore, opts ...ParallelOption,
) {
	if err := checkShards("", n); err != nil {
		panic(err)
	}
	conf := newParallelConfig(opts)
	shared := newShardHub(stream)
	for m := range n {
		consumer := &shardConsumer{Consumer: getConsumer(m), filter: shardFilter(m, n, conf.hash)}
		spec := reflex.NewSpec(shared.stream, cstore, consumer, conf.streamOpts...)
		go RunForever(func() context.Context { return getCtx(m) }, spec)
	}
}
