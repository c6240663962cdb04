package kafkacursor

import (
	"cmp"
	"context"
	"slices"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Peek returns the cursor as the topic has it, and whether there is one, without taking
// the consumer over. What this Store has set and not written is not in it.
func (s *Store) Peek(ctx context.Context, key Key) (Entry, bool, error) {
	sl, err := s.stranger(key)
	if err != nil {
		return Entry{}, false, err
	}
	current, err := s.peek(ctx, sl)
	if err != nil {
		return Entry{}, false, s.keyed(key, err)
	}
	if current.best.deleted {
		return Entry{}, false, nil
	}
	return current.best.export(), true, nil
}

// List returns all cursors that the topic has, in order of their keys. A record that is
// not that of a cursor has Entry.Err.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	if err := s.open(); err != nil {
		return nil, err
	}
	var entries []Entry
	for p := range s.config.partitions {
		err := s.look(ctx, bounded, p, func(v *view) error {
			for text, current := range v.keys {
				if current.best.deleted {
					continue
				}
				e := current.best.export()
				if want := partitionOf(text, s.config.partitions); want != p && e.Err == nil {
					e.Err = s.misplaced(e.Key, p, want)
				}
				entries = append(entries, e)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(a.Key.Consumer, b.Key.Consumer), cmp.Compare(a.Key.Topic, b.Key.Topic),
			cmp.Compare(a.Key.Partition, b.Key.Partition), cmp.Compare(a.Partition, b.Partition))
	})
	return entries, nil
}

// Delete removes the cursor: the consumer begins at the start. One that runs gets
// ErrSuperseded. Deleting what isn't there is no error.
func (s *Store) Delete(ctx context.Context, key Key) error {
	return s.overrule(ctx, key, nil)
}

// Reset sets the cursor to what an operator wants, back or forth; "" is the start.
// It overrules whoever has the consumer: one that runs gets ErrSuperseded, and goes on
// from there when it is run again. The text is not checked: it is for the stream to
// understand.
func (s *Store) Reset(ctx context.Context, key Key, cursor string) error {
	return s.overrule(ctx, key, append([]byte{}, cursor...))
}

// overruleAttempts is how often a cursor is written again because somebody took it
// over at the same time.
const overruleAttempts = 3

// overrule writes a record under a new epoch.
func (s *Store) overrule(ctx context.Context, key Key, value []byte) error {
	sl, err := s.stranger(key)
	if err != nil {
		return err
	}
	// Not as the owner that this store may be: that is to be overruled too.
	owner := newOwner()
	if err := s.alone(sl); err != nil {
		return err
	}
	for range overruleAttempts {
		current, err := s.peek(ctx, sl)
		if err != nil && !errors.Is(err, ErrCorruptEntry) {
			return s.keyed(key, err)
		}
		if err := s.writeNow(ctx, sl, value, current.best.epoch+1, owner); err != nil {
			return s.keyed(key, err)
		}
		current, err = s.peek(ctx, sl)
		if err != nil {
			return s.keyed(key, err)
		}
		if current.best.owner == owner && !current.contested {
			return nil
		}
	}
	return &Error{
		Kind: ErrSuperseded, Topic: s.topic, Key: key, Found: "that others set it at the same time, each time",
		Do: "stop the consumer, then try again",
	}
}

// writeNow writes a record and waits for it.
func (s *Store) writeNow(ctx context.Context, sl *slot, value []byte, epoch int64, owner string) error {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	record := newRecord(s.topic, sl.partition, sl.text, value, epoch, owner)
	done := make(chan error, 1)
	// With a record whose context is done kgo gives up those that are in a batch with it,
	// which may be the writer's.
	s.cl.Produce(s.ctx, record, func(_ *kgo.Record, err error) { done <- err }) //nolint:contextcheck // see above
	var err error
	select {
	case err = <-done:
	case <-bounded.Done():
		err = bounded.Err()
	}
	if err == nil {
		return nil
	}
	if isSlow(err) && ctx.Err() == nil {
		return &Error{Kind: ErrUnreachable, Topic: s.topic, Cause: err, Do: "it may be written all the same: see with Peek"}
	}
	return waitError(ctx, s.topic, err)
}

// peek returns what the records of a key amount to. It is an error if that can't
// be used; the epoch is right all the same.
func (s *Store) peek(ctx context.Context, sl *slot) (current standing, err error) {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	if err := s.alone(sl); err != nil {
		return standing{}, err
	}
	err = s.look(ctx, bounded, sl.partition, func(v *view) error {
		var err error
		_, err = choose(v, sl)
		current = v.get(sl.text)
		return err
	})
	return current, err
}

// stranger returns a slot of the key that the store doesn't own or keep.
func (s *Store) stranger(key Key) (*slot, error) {
	if err := key.valid(); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	text := key.String()
	return newSlot(key, text, partitionOf(text, s.config.partitions)), nil
}

// open returns an error once the store is closed.
func (s *Store) open() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closing {
		return s.closedError()
	}
	return nil
}
