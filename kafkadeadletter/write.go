package kafkadeadletter

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
)

// write writes a record, and returns when all replicas in sync have it.
func (s *Store) write(ctx context.Context, key Key, record *kgo.Record) error {
	record.Topic, record.Partition = s.topic, 0
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	var pause kafka.Backoff
	for {
		err := s.produce(bounded, record)
		if isSlow(err) && pause.Wait(bounded) == nil {
			// kgo gives up all that waits for the partition when the time of the first record is over. Ours may
			// not be, and written twice it is still one letter.
			continue
		}
		switch {
		case errors.IsAny(err, kerr.MessageTooLarge, kerr.RecordListTooLarge):
			return s.tooLarge(key, record, err)
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			err = kgo.ErrRecordTimeout
		}
		return keyed(key, s.failed(ctx, err))
	}
}

// produce hands a record to kgo and waits for what becomes of it.
func (s *Store) produce(ctx context.Context, record *kgo.Record) error {
	attempt := *record // kgo may hold on to it after we are gone
	done := make(chan error, 1)
	// With a record whose context is done kgo gives up those that are in a batch with it, which may
	// be somebody else's. It never waits for room, as that wait has no bound.
	s.cl.TryProduce(s.ctx, &attempt, func(_ *kgo.Record, err error) { done <- err }) //nolint:contextcheck // see above
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Discard removes letters, and returns when that is acknowledged. One that isn't there is no
// error. The order of the keys is the order in which they are removed; the first failure ends it.
func (s *Store) Discard(ctx context.Context, keys ...Key) error {
	for _, key := range keys {
		if err := key.valid(); err != nil {
			return err
		}
	}
	joint, end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, key := range keys {
		if err := s.write(joint, key, tombstone(key)); err != nil {
			return s.own(ctx, err)
		}
	}
	return nil
}

// tombstone says that there is no letter.
func tombstone(key Key) *kgo.Record { return &kgo.Record{Key: []byte(key.String())} }

// own makes the error of a call's joint context that of the caller's, or of the closed store.
func (s *Store) own(ctx context.Context, err error) error {
	if ctx.Err() == nil && s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return s.closedError()
	}
	return err
}

func (s *Store) tooLarge(key Key, record *kgo.Record, cause error) error {
	size := len(record.Key) + len(record.Value)
	for _, h := range record.Headers {
		size += len(h.Key) + len(h.Value)
	}
	found := "that the broker takes less"
	if s.limit > 0 {
		found = fmt.Sprintf("%s=%d", maxMessageBytes, s.limit)
	}
	return &Error{
		Kind: ErrTooLarge, Topic: s.topic, Key: key, Asked: fmt.Sprintf("a letter of %d bytes", size), Found: found, Cause: cause,
		Do: fmt.Sprintf("raise max.message.bytes of the topic to %d or more and open the Store again; nothing was written", roomFor(size)),
	}
}

// roomFor is a size that a letter of so many bytes fits in with all that is around it.
func roomFor(size int) int {
	const round = 1 << 20
	return (size/round + 1) * round
}

// keyed adds the key to an error of ours that lacks it.
func keyed(key Key, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Key == (Key{}) {
		with := *e
		with.Key = key
		return &with
	}
	return err
}
