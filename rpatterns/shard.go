package rpatterns

import (
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// ErrNoShards says that a consumer was to be divided into less than one shard. The consumer of such a shard
// returns it from Reset, so that Run ends with it before any event is consumed.
var ErrNoShards = errors.New("a consumer is divided into one shard or more", j.C("ERR_0b9f4ce6a2d17583"))

// ErrNoEventType says that an event without a type was to be assigned by its type.
var ErrNoEventType = errors.New("the event has no type to assign it to a shard by", j.C("ERR_c4a8136f5e29d07b"))

// HashOption says by what of an event its shard is chosen.
type HashOption int

const (
	// HashOptionEventID spreads events most evenly, and keeps no order among them. It is the default.
	HashOptionEventID HashOption = 0
	// HashOptionEventType keeps the order of the events of one type. Few types spread unevenly.
	HashOptionEventType HashOption = 1
	// HashOptionEventForeignID keeps the order of the events of one foreign ID.
	HashOptionEventForeignID HashOption = 2
	// HashOptionCustomHashFn changes nothing.
	//
	// Deprecated: WithHashFn is all that is needed.
	HashOptionCustomHashFn HashOption = 3
)

// EventFilter is a reflex.EventFilter.
type EventFilter = reflex.EventFilter

// ConsumerShard is one of n consumers that divide the events of a stream among them.
type ConsumerShard struct {
	// Name is the name of the shard's consumer, under which its cursor is kept.
	Name string

	filter       EventFilter
	consumerOpts []reflex.ConsumerOption
	err          error // why there can't be such a shard
}

// GetFilter returns the filter that is true for the events of the shard. It may be used by several
// goroutines at once if the function given to WithHashFn may.
func (s ConsumerShard) GetFilter() EventFilter { return s.filter }

// ConsumerShards divides a consumer into n. Each event is for exactly one of them: that whose
// number is the hash of the event, 32-bit FNV-1, modulo n.
//
// It is for shards that differ in their logic: see ParallelConsumer. Where they don't, use ParallelSpecs.
//
// If n is not positive there is one shard, with the name, of which everything returns ErrNoShards.
func ConsumerShards(name string, n int, opts ...ParallelOption) []ConsumerShard {
	conf := newParallelConfig(opts)
	if err := checkShards(name, n); err != nil {
		return []ConsumerShard{{
			Name:   name,
			filter: func(*reflex.Event) (bool, error) { return false, err },
			err:    err,
		}}
	}
	shards := make([]ConsumerShard, n)
	for m := range shards {
		shardName := conf.formatName(name, m, n)
		shards[m] = ConsumerShard{
			Name:         shardName,
			filter:       shardFilter(m, n, conf.hash),
			consumerOpts: conf.consumerOpts(shardName),
		}
	}
	return shards
}

func checkShards(name string, n int) error {
	if n > 0 {
		return nil
	}
	return errors.Wrap(ErrNoShards, fmt.Sprintf("%d shards", n), j.MKV{"consumer": name, "shards": n})
}

// mofn is the default name of a shard.
func mofn(base string, m, n int) string { return fmt.Sprintf("%s_%d_of_%d", base, m+1, n) }

// hashFunc returns the number that decides on the shard of an event.
type hashFunc func(e *reflex.Event) (uint32, error)

// shardFilter is true for the events of shard m of n, from 0. It has no state, so that goroutines may share it.
func shardFilter(m, n int, hash hashFunc) EventFilter {
	return func(e *reflex.Event) (bool, error) {
		h, err := hash(e)
		if err != nil {
			return false, err
		}
		return uint64(h)%uint64(n) == uint64(m), nil
	}
}

func hashEventID(e *reflex.Event) (uint32, error)   { return fnv1(e.ID), nil }
func hashForeignID(e *reflex.Event) (uint32, error) { return fnv1(e.ForeignID), nil }

func hashEventType(e *reflex.Event) (uint32, error) {
	if e.Type == nil {
		return 0, errors.Wrap(ErrNoEventType, "shard error", j.KV("event_id", e.ID))
	}
	return fnv1(strconv.Itoa(e.Type.ReflexType())), nil
}

func hashKey(key func(*reflex.Event) ([]byte, error)) hashFunc {
	return func(e *reflex.Event) (uint32, error) {
		k, err := key(e)
		if err != nil {
			return 0, err
		}
		return fnv1(k), nil
	}
}

// fnv1 is hash/fnv's New32, which is 1 and not 1a, without its state and its allocation.
func fnv1[T string | []byte](key T) uint32 {
	const (
		offset = 2166136261
		prime  = 16777619
	)
	hash := uint32(offset)
	for i := range len(key) {
		hash *= prime
		hash ^= uint32(key[i])
	}
	return hash
}

// belongs asks the filter whether the event is for the shard. A panic of it is an error like any other of the
// event, which must be met with a shard's recovery and metrics.
func belongs(filter EventFilter, e *reflex.Event) (ok bool, err error) {
	defer recoverPanic(&err)
	return filter(e)
}

// recoverPanic makes a *reflex.PanicError of a panic. It must be deferred itself.
func recoverPanic(err *error) {
	if v := recover(); v != nil {
		*err = &reflex.PanicError{Value: v, Stack: debug.Stack()}
	}
}
