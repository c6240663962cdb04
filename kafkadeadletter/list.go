package kafkadeadletter

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
)

// Filter chooses letters. The zero value chooses all.
type Filter struct {
	// Consumer and Topic choose by name; empty chooses any.
	Consumer, Topic string
	// Partitions chooses partitions of the topic of events; empty chooses any.
	Partitions []int32
	// From and Until choose events by offset, from From on and before Until; 0 as Until is no end.
	From, Until int64
	// Limit is how many letters to return at most, the first in their order; 0 is no limit.
	Limit int
}

// wants reports whether the filter chooses the key, its limit aside.
func (f Filter) wants(k Key) bool {
	return (f.Consumer == "" || f.Consumer == k.Consumer) &&
		(f.Topic == "" || f.Topic == k.Topic) &&
		(len(f.Partitions) == 0 || slices.Contains(f.Partitions, k.Partition)) &&
		k.Offset >= f.From && (f.Until == 0 || k.Offset < f.Until)
}

// all reports whether the filter chooses whatever there is.
func (f Filter) all() bool {
	return f.Consumer == "" && f.Topic == "" && len(f.Partitions) == 0 && f.From == 0 && f.Until == 0
}

// List returns the letters that the filter chooses and that were there when it was called, in order of
// consumer, topic, partition and offset. It holds all of them in memory, so use Filter.Limit where
// there may be many. A record that is not a letter has Letter.Err; those whose key is none are
// returned last, and only by a filter that chooses everything.
//
// It returns the error of ctx or an *Error.
func (s *Store) List(ctx context.Context, filter Filter) ([]Letter, error) {
	var letters []Letter
	err := s.reading(ctx, filter.wants, func(ctx context.Context, r *reading) error {
		for _, key := range r.sorted(filter.Limit) {
			letter, ok, err := r.letter(ctx, key)
			if err != nil {
				return err
			}
			if ok {
				letters = append(letters, letter)
			}
		}
		if !filter.all() {
			return nil
		}
		for _, offset := range r.strange {
			if filter.Limit > 0 && len(letters) >= filter.Limit {
				return nil
			}
			record, err := r.at(ctx, offset)
			if err != nil {
				return err
			}
			if record != nil {
				letters = append(letters, decode(record))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return letters, nil
}

// Count returns how many letters there are of each consumer. It is what to raise an alarm on. It reads the topic from its start, so
// ask every minute rather than every second.
func (s *Store) Count(ctx context.Context) (map[string]int, error) {
	counts := make(map[string]int)
	err := s.reading(ctx, Filter{}.wants, func(_ context.Context, r *reading) error {
		for key := range r.index {
			counts[key.Consumer]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// Get returns the letter of a key, and whether there is one.
func (s *Store) Get(ctx context.Context, key Key) (Letter, bool, error) {
	if err := key.valid(); err != nil {
		return Letter{}, false, err
	}
	var (
		letter Letter
		found  bool
	)
	err := s.reading(ctx, func(k Key) bool { return k == key }, func(ctx context.Context, r *reading) (err error) {
		letter, found, err = r.letter(ctx, key)
		return err
	})
	return letter, found, keyed(key, err)
}

// reading calls fn with the topic read to its end.
func (s *Store) reading(ctx context.Context, wants func(Key) bool, fn func(context.Context, *reading) error) error {
	joint, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	r, err := s.newReading(wants)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.advance(joint); err != nil {
		return s.failed(ctx, err)
	}
	return s.failed(ctx, fn(joint, r))
}

// sorted returns the first keys in the order of letters. A topic that was deleted and created again is
// as two: the one whose letters were written first comes first.
func (r *reading) sorted(limit int) []Key {
	age := make(map[[16]byte]int64)
	for key, offset := range r.index {
		first, ok := age[key.TopicID]
		if !ok {
			first = math.MaxInt64
		}
		age[key.TopicID] = min(first, offset)
	}
	keys := slices.SortedFunc(maps.Keys(r.index), func(a, b Key) int {
		return cmp.Or(
			cmp.Compare(a.Consumer, b.Consumer), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition),
			cmp.Compare(age[a.TopicID], age[b.TopicID]), bytes.Compare(a.TopicID[:], b.TopicID[:]),
			cmp.Compare(a.Offset, b.Offset))
	})
	if limit > 0 && len(keys) > limit {
		keys = keys[:limit]
	}
	return keys
}
