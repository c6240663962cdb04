package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// ParallelOption is an option of ConsumerShards, ParallelSpecs, Parallel and ParallelAck. Of two that set the same thing,
// the later one holds.
type ParallelOption func(pc *parallelConfig)

type (
	getCtxFn      = func(m int) context.Context
	getConsumerFn = func(m int) reflex.Consumer
)

// ShardConsumerOpts returns the consumer options of the shard with the name.
type ShardConsumerOpts func(string) []reflex.ConsumerOption

type parallelConfig struct {
	streamOpts   []reflex.StreamOption
	formatName   func(base string, m, n int) string
	hash         hashFunc
	consumerOpts ShardConsumerOpts
}

func newParallelConfig(opts []ParallelOption) parallelConfig {
	c := parallelConfig{
		formatName:   mofn,
		hash:         hashEventID,
		consumerOpts: func(string) []reflex.ConsumerOption { return nil },
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// WithStreamOpts adds options of the stream, for all shards.
func WithStreamOpts(opts ...reflex.StreamOption) ParallelOption {
	return func(pc *parallelConfig) { pc.streamOpts = append(pc.streamOpts, opts...) }
}

// WithConsumerSpecificOpts sets what returns the consumer options of each shard, for ParallelSpecs.
func WithConsumerSpecificOpts(f ShardConsumerOpts) ParallelOption {
	return func(pc *parallelConfig) { pc.consumerOpts = f }
}

// WithHashOption sets by what of an event its shard is chosen. The default is its ID.
func WithHashOption(opt HashOption) ParallelOption {
	return func(pc *parallelConfig) {
		switch opt {
		case HashOptionEventID:
			pc.hash = hashEventID
		case HashOptionEventType:
			pc.hash = hashEventType
		case HashOptionEventForeignID:
			pc.hash = hashForeignID
		case HashOptionCustomHashFn: // WithHashFn says how
		}
	}
}

// WithHashFn sets what returns the key of an event, by which its shard is chosen. It must return the same
// each time, and may be called by several goroutines at once. Nil changes nothing.
func WithHashFn(fn func(event *reflex.Event) ([]byte, error)) ParallelOption {
	return func(pc *parallelConfig) {
		if fn != nil {
			pc.hash = hashKey(fn)
		}
	}
}

// WithNameFormatter sets what makes the name of shard m of n, where m is from 0. By default shard 2 of 8
// of "test" is "test_3_of_8".
func WithNameFormatter(fn func(base string, m, n int) string) ParallelOption {
	return func(pc *parallelConfig) { pc.formatName = fn }
}
