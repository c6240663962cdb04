package kafkastream

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

var (
	// ErrInvalidOption is returned for options that make no sense or would break
	// a promise, and for options of kgo that are refused. It is a mistake in the
	// program.
	ErrInvalidOption = errors.New("option is invalid", j.C("ERR_5d20c96be1a87f43"))

	// ErrUnknownTopic is returned for a topic that the brokers don't have. None
	// is ever created by asking for it.
	ErrUnknownTopic = errors.New("topic does not exist", j.C("ERR_90e3b7c5f2416da8"))

	// ErrUnknownPartition is returned for a partition that the topic doesn't have.
	ErrUnknownPartition = errors.New("partition does not exist", j.C("ERR_2fa8d41c06e95b73"))

	// ErrNotAuthorised is returned when an ACL, the credentials or a certificate
	// are in the way.
	ErrNotAuthorised = errors.New("not authorised", j.C("ERR_c64b0f9e8237d15a"))

	// ErrEventTooLarge is what an EventTooLargeError is.
	ErrEventTooLarge = errors.New("event is too large for the topic", j.C("ERR_9353f8ffa0a2707b"))

	// ErrForeignIDRequired is returned for an event without foreign id on a
	// compacted topic: compaction keeps the newest record of each key, so
	// there must be one. The event was not written.
	ErrForeignIDRequired = errors.New("a compacted topic takes no event without foreign id", j.C("ERR_ea3889275e85692b"))

	// ErrDeliveryTimeout is returned for an event that no broker acknowledged
	// within the delivery timeout, see WithDeliveryTimeout. It may be written.
	ErrDeliveryTimeout = errors.New("no broker acknowledged the event in time", j.C("ERR_8df79bb1e1e89f86"))

	// ErrPublisherClosed is returned by all methods of a closed Publisher, and
	// for the events that it had not confirmed when Close gave up on them.
	ErrPublisherClosed = errors.New("publisher is closed", j.C("ERR_1e9c300a3850ad00"))

	// ErrPublisherFenced is returned once another publisher with the same
	// transactional id has started, or after a transaction outlived its
	// timeout, which the broker treats alike. The publisher is of no use any
	// more: all later calls return it too. Close it; make a new one only if it
	// should be the one that goes on.
	//
	// The transaction in hand is aborted. If it was about to commit there
	// is a last doubt: it may have been committed with the answer lost, just before
	// the other one took over.
	ErrPublisherFenced = errors.New("another publisher took over the transactional id, or the transaction timed out", j.C("ERR_58ee2bcd3f8b7200"))

	// ErrTransactionAborted is returned by Transact when Kafka would not
	// commit. None of the transaction's events will ever be visible to readers of
	// committed events, so it can be repeated as a whole.
	ErrTransactionAborted = errors.New("transaction was aborted", j.C("ERR_ddccd07396d3c8fa"))

	// ErrCommitUnknown is returned by Transact when the answer to a commit was
	// lost or not waited for. Either all of the transaction's events are visible,
	// or none will be; repeating it may publish them twice.
	ErrCommitUnknown = errors.New("transaction may or may not be committed", j.C("ERR_4bb18b55307df763"))

	// ErrTransactional is returned where a publisher with a transactional id is
	// asked to publish outside of Transact, and where one without is asked to Transact.
	ErrTransactional = errors.New("a publisher with a transactional id publishes in transactions only, and no other does", j.C("ERR_0b6f27c9d81e4a53"))

	// ErrTransactionEnded is returned by a Tx that is used after its function returned.
	ErrTransactionEnded = errors.New("transaction has ended", j.C("ERR_a94c1d7e30b582f6"))
)

// EventTooLargeError says that an event is larger than what may be written at
// once. It is ErrEventTooLarge for errors.Is.
type EventTooLargeError struct {
	Topic string
	// Size is the number of bytes that the event takes in a batch of its own,
	// before compression.
	Size int
	// Limit is the publisher's own, kgo.ProducerBatchMaxBytes or
	// MaxBufferedBytes, or 0 where the broker refused the event by its own limit,
	// which it doesn't tell.
	Limit int
}

// Error says which limit to raise.
func (e *EventTooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("event of %d bytes is too large for topic %q: the broker refuses it, raise max.message.bytes of the topic", e.Size, e.Topic)
	}
	return fmt.Sprintf("event of %d bytes is too large for topic %q: the publisher's limit is %d bytes, raise it with kgo.ProducerBatchMaxBytes "+
		"(or kgo.MaxBufferedBytes if that is what it is), and max.message.bytes of the topic where that is smaller", e.Size, e.Topic, e.Limit)
}

// Unwrap returns ErrEventTooLarge.
func (e *EventTooLargeError) Unwrap() error { return ErrEventTooLarge }

// Outcome is what became of one event.
type Outcome struct {
	// Position is where the event was written, if Err is nil.
	Position Position
	// Err is why it is not known to be written.
	Err error
	// MayBeWritten says that the event may be there, or come to be there,
	// all the same. Publishing it again may write it twice.
	MayBeWritten bool
}

// PublishError says what became of each event of a Publish that didn't succeed
// with all of them. errors.Is and As see the first event's failure.
type PublishError struct {
	Topic string
	// Outcomes has an entry for each event, in the order they were passed.
	Outcomes []Outcome
}

// Error counts the outcomes and gives the first reason.
func (e *PublishError) Error() string {
	if len(e.Outcomes) == 1 {
		was := "is not written"
		if e.Outcomes[0].MayBeWritten {
			was = "may or may not be written"
		}
		return fmt.Sprintf("publish to topic %q: event %s: %v", e.Topic, was, e.Unwrap())
	}
	var written, unknown int
	for _, o := range e.Outcomes {
		switch {
		case o.Err == nil:
			written++
		case o.MayBeWritten:
			unknown++
		}
	}
	return fmt.Sprintf("publish to topic %q: of %d events %d are written, %d are not and %d may be: %v",
		e.Topic, len(e.Outcomes), written, len(e.Outcomes)-written-unknown, unknown, e.Unwrap())
}

// Unwrap returns why the first event that isn't known to be written is not.
func (e *PublishError) Unwrap() error {
	for _, o := range e.Outcomes {
		if o.Err != nil {
			return o.Err
		}
	}
	return nil
}

// causedError is an error of ours with what made us say so. Both can be found in it.
type causedError struct{ ours, cause error }

func wrapCause(ours, cause error, step string, at j.MKV) error {
	return errors.Wrap(&causedError{ours: ours, cause: cause}, step, at)
}

func (e *causedError) Error() string   { return e.ours.Error() + ": " + e.cause.Error() }
func (e *causedError) Unwrap() []error { return []error{e.ours, e.cause} }
