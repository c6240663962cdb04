package kafkastream

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
)

// The kinds of an *Error. Match them with errors.Is.
var (
	// ErrBadCursor is returned for a text that is not a cursor, see ParseCursor.
	ErrBadCursor = errors.New("cursor is not one of a Kafka partition", j.C("ERR_4e7d02c9b61af835"))

	// ErrExpired is returned when retention removed events behind the cursor
	// before they were consumed. They are lost to this consumer, so an operator has to
	// decide: set its cursor to "" or to the offset before Start to go on with
	// what is left, or get the events from elsewhere.
	ErrExpired = errors.New("events behind the cursor have expired", j.C("ERR_a0c35f8e714d29b6"))

	// ErrBeyondEnd is returned when the cursor is of an event that the log
	// doesn't have yet. The cursor is of another topic or cluster, or the log lost
	// its end. Find out which before setting the cursor.
	ErrBeyondEnd = errors.New("cursor is beyond the end of the log", j.C("ERR_63f9be21d8a5074c"))

	// ErrTopicRecreated is returned when the topic was deleted and created again
	// since the cursor was set or the stream opened: the offset means another event
	// now. Set the cursor to "" to consume the new topic from its start.
	ErrTopicRecreated = errors.New("topic was deleted and created again", j.C("ERR_d71a4c0f95e3862b"))

	// ErrTruncated is returned when the log lost events that were consumed
	// already, as by an unclean leader election, and has or will have others at their
	// offsets. Set the cursor to the offset before End to consume those.
	ErrTruncated = errors.New("log was truncated before the cursor", j.C("ERR_08e6b3d5f27c914a"))

	// ErrUnreachable is returned by Stream and Offsets when no broker gave a
	// useful answer within the open timeout. Try again.
	ErrUnreachable = errors.New("no broker is of help", j.C("ERR_b52f80d6e91c473a"))

	// ErrBatchTooLarge is returned at a batch that is larger than the client may
	// read. Raise kgo.MaxDecompressBatchBytes or kgo.BrokerMaxReadBytes.
	ErrBatchTooLarge = errors.New("batch is too large for the client", j.C("ERR_1f94a7c3e8605bd2"))

	// ErrCorrupt is returned at a batch that is not what was written, as several
	// reads agree. Restore it, or move the cursor past it by hand.
	ErrCorrupt = errors.New("batch is corrupt", j.C("ERR_ec40d9178b3f562a"))

	// ErrDecode is returned at a record that the decoder returned an error for, which
	// is the cause. The record is never skipped: use a decoder that knows it, or move
	// the cursor past it by hand.
	ErrDecode = errors.New("record can't be decoded", j.C("ERR_3d85e0b7f4a2169c"))

	// ErrRefused is returned when the brokers will never do what is needed, as those
	// of a version that is too old.
	ErrRefused = errors.New("request was refused", j.C("ERR_97b1f6c8302ed45a"))

	// ErrClosed is returned by Recv after Close.
	ErrClosed = errors.New("stream is closed", j.C("ERR_c8e20a5d917f4b36"))
)

// unknown is the value of an offset that isn't.
const unknown = -1

// Error is what is wrong with a partition, a cursor in it, or the way to it. It
// is its Kind, and its Cause, for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error

	Topic     string
	Partition int32

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Offset is that of the event to be read next, or -1 if there is none.
	Offset int64
	// Start and End are the range of the log where it matters, otherwise -1: the
	// first offset that it has, and the one after the last.
	Start, End int64

	// Cause is what Kafka, kgo or the decoder said, or nil.
	Cause error
}

// Error says all there is to say in one line.
func (e *Error) Error() string {
	about := ""
	if e.Topic != "" {
		about = fmt.Sprintf("%s/%d", e.Topic, e.Partition)
	}
	return complaint.Line(e.Kind, about, e.Asked, e.Found, e.Cause, e.Do)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	return complaint.Chain(e.Kind, e.Cause)
}

// IsPermanent reports whether the error of a stream will be the same the next
// time, until somebody has done something. A loop around reflex.Run may use it to
// raise an alarm, or to wait longer; ending the loop is rarely right, as
// what the operator does should be enough.
func IsPermanent(err error) bool {
	return errors.IsAny(err,
		ErrInvalidOption, ErrUnknownTopic, ErrUnknownPartition, ErrBadCursor, ErrExpired, ErrBeyondEnd,
		ErrTopicRecreated, ErrTruncated, ErrNotAuthorised, ErrBatchTooLarge, ErrCorrupt, ErrDecode,
		ErrRefused)
}
