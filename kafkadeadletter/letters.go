package kafkadeadletter

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Letters is the store for consumers of one log. It is safe for concurrent use.
type Letters struct {
	store *Store
	log   Log
}

// For returns the store for consumers of a log. It may be called as often as one likes: the letters are
// the Store's.
func (s *Store) For(log Log) *Letters { return &Letters{store: s, log: log} }

// Insert writes the letter of an event that the consumer could not consume, because of cause. It returns nil only once
// all replicas in sync have the letter; only then may the consumer go on. It is what a
// dead-letter consumer calls.
//
// The letter holds the record of the event as the log has it, or the event if the log doesn't have the record any
// more. Written again, as after a crash before the cursor was set, it replaces itself.
//
// It is bounded by ctx and WithTimeout, and by the log's own timeout. It returns an error of the log, that of ctx, or an
// *Error: ErrBadName, ErrBadEvent, ErrTooLarge, ErrNotAuthorised, ErrUnknownTopic, ErrUnreachable, ErrRefused, ErrClosed.
func (l *Letters) Insert(ctx context.Context, consumerName string, e *reflex.Event, cause error) error {
	if e == nil {
		return &Error{Kind: ErrBadEvent, Topic: l.store.topic, Asked: "the letter of no event", Do: "give the event"}
	}
	return l.insert(ctx, consumerName, e.ID, e, failureOf(cause))
}

// ErrorInsert is Insert for those who have no more than the ID of the event and the text of the error. It is a
// reflex.ErrorInsertFunc. If the log doesn't have the record any more, the letter says what failed
// and why, and has no event.
func (l *Letters) ErrorInsert(ctx context.Context, consumerName, eventID, errMsg string) error {
	return l.insert(ctx, consumerName, eventID, nil, Failure{Text: errMsg})
}

func (l *Letters) insert(ctx context.Context, consumer, id string, e *reflex.Event, failure Failure) error {
	offset, err := parseOffset(id)
	if err != nil {
		return &Error{
			Kind: ErrBadEvent, Topic: l.store.topic, Cause: err,
			Asked: "the letter of the event with ID " + clip(id), Do: "give an event of the log: its ID is an offset in decimal",
		}
	}
	key := Key{Consumer: consumer, Topic: l.log.Topic(), Partition: l.log.Partition(), Offset: offset}
	if err := key.valid(); err != nil {
		return err
	}
	joint, end, err := l.store.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	record, topicID, err := l.original(joint, id)
	if err != nil {
		return l.store.own(ctx, err)
	}
	key.TopicID = topicID
	// The event only counts if there is no record.
	letter := Letter{Key: key, Record: record, Event: e, Failure: failure}
	return l.store.own(ctx, l.store.write(joint, key, encode(letter)))
}

// original reads the record of the event, within the store's timeout too: a log may have none.
func (l *Letters) original(ctx context.Context, id string) (*kgo.Record, [16]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, l.store.config.timeout)
	defer cancel()
	record, topicID, err := l.log.Record(bounded, id)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return nil, [16]byte{}, unreachable(l.store.topic, err)
	}
	return record, topicID, err
}

// event returns the event of a letter, as a stream of the log would deliver it.
func (l *Letters) event(letter Letter) (*reflex.Event, error) {
	switch {
	case letter.Err != nil:
		return nil, letter.Err
	case letter.Record != nil:
		return l.log.Decode(letter.Record)
	case letter.Event != nil:
		return letter.Event, nil
	default:
		return nil, &Error{
			Kind: ErrNoEvent, Topic: l.store.topic, Key: letter.Key,
			Found: "that the log had lost the record when the letter was written", Do: "get the event from elsewhere, then Discard the letter",
		}
	}
}
