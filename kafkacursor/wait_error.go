package kafkacursor

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/partition"
)

// waitError is what a call returns whose request ended with err: the error of its
// context if that is done, and otherwise one that says what was in the way.
func waitError(ctx context.Context, topic string, err error) error {
	var (
		fault  *partition.Fault
		gaveUp *partition.GaveUp
	)
	last := err
	if errors.As(err, &gaveUp) {
		last = gaveUp.Last
	}
	switch {
	case ctx.Err() != nil:
		if gaveUp != nil {
			return errors.Wrap(ctx.Err(), "last: "+last.Error())
		}
		return ctx.Err()
	case errors.As(err, &fault):
		return fromFault(topic, err)
	default:
		return fromError(topic, last)
	}
}

// lookError says how far the view is, if that is why the call ended.
func (s *Store) lookError(ctx context.Context, err error, p int32, at progress) error {
	if !errors.IsAny(err, context.Canceled, context.DeadlineExceeded) {
		return err
	}
	hidden := at.position >= at.stable && at.stable < at.target
	found := fmt.Sprintf("partition %d read to offset %d of %d", p, at.position, at.target)
	if hidden {
		found = fmt.Sprintf("last stable offset %d < high watermark %d: an open transaction", at.stable, at.target)
	}
	if ctx.Err() != nil {
		return errors.Wrap(ctx.Err(), found)
	}
	if hidden {
		return &Error{
			Kind: ErrOpenTransaction, Topic: s.topic, Found: fmt.Sprintf("in partition %d %s", p, found),
			Do: "try again; it ends with its timeout, and kafka-transactions.sh names it",
		}
	}
	return &Error{Kind: ErrUnreachable, Topic: s.topic, Found: found, Do: "check the brokers and try again"}
}

// keyed adds the key to an error of ours that lacks it.
func (s *Store) keyed(key Key, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Key == (Key{}) {
		with := *e
		with.Key = key
		return &with
	}
	return err
}

func (s *Store) misplaced(key Key, found, want int32) error {
	return &Error{
		Kind: ErrCorruptEntry, Topic: s.topic, Key: key,
		Asked: fmt.Sprintf("the cursor in partition %d, where its key belongs", want),
		Found: fmt.Sprintf("one in partition %d", found),
		Do:    "somebody writes with another partitioner, or partitions were added: delete the wrong record there",
	}
}
