package cursoradmin

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// The kinds of an *Error that are of this package. Others are those of kafkastream.
var (
	// ErrInvalidOption is returned for what makes no sense, such as a target that was not made by a function of
	// this package. Correct the program.
	ErrInvalidOption = errors.New("invalid option", j.C("ERR_c8127be05fa49d63"))

	// ErrUnknownConsumer is returned for a consumer that has no cursor where one was asked for. Most often the name
	// is mistyped; the error says which there are.
	ErrUnknownConsumer = errors.New("consumer has no cursor", j.C("ERR_37fd2a961ce84b05"))

	// ErrOutOfRange is why a cursor is not set to an offset that the log doesn't have.
	ErrOutOfRange = errors.New("offset is not in the range of the log", j.C("ERR_e45b0c7193d8a26f"))

	// ErrUnusableCursor is why a cursor is not set that a stream would refuse: it is none, or of another topic, or
	// its place in the log is gone.
	ErrUnusableCursor = errors.New("cursor would be refused by the stream", j.C("ERR_9ba6f3d2470e58c1"))

	// ErrAtWork is why the cursor of a consumer is not moved that somebody runs at present. Stop it, or use WithForce.
	ErrAtWork = errors.New("consumer is at work", j.C("ERR_5d08c4e7a2f3916b"))

	// ErrChanged is why nothing of a plan was done: a cursor has changed since. Plan again.
	ErrChanged = errors.New("cursor has changed since the plan", j.C("ERR_02fe9d6bc4815a37"))

	// ErrBadFile is returned for saved cursors that can't be read.
	ErrBadFile = errors.New("not saved cursors", j.C("ERR_7e43a8f1d6b9052c"))

	// ErrUnreachable is returned when the brokers don't tell about a consumer group in time. Try again.
	ErrUnreachable = errors.New("no broker is of help", j.C("ERR_f19c5720e8ab634d"))
)

// Error says what keeps a cursor from being looked at or moved. It is its Kind, and its Cause,
// for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package or of kafkastream.
	Kind error

	// Key is the cursor it is about, as far as that is known.
	Key kafkacursor.Key

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Cause is what somebody else said, or nil.
	Cause error
}

// Error says all there is to say in one line.
func (e *Error) Error() string {
	about := ""
	switch {
	case e.Key.Consumer != "":
		about = e.Key.String()
	case e.Key.Topic != "":
		about = fmt.Sprintf("%s/%d", e.Key.Topic, e.Key.Partition)
	}
	return complaint.Line(e.Kind, about, e.Asked, e.Found, e.Cause, e.Do)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return complaint.Chain(e.Kind, e.Cause) }

// IsPermanent reports whether the error will be the same the next time, until somebody
// has done something other than wait or stop a consumer.
func IsPermanent(err error) bool {
	return kafkastream.IsPermanent(err) || kafkacursor.IsPermanent(err) ||
		errors.IsAny(err, ErrInvalidOption, ErrUnknownConsumer, ErrOutOfRange, ErrUnusableCursor, ErrBadFile)
}

func unknownPartition(topic string, partition int32, partitions int) error {
	return &Error{
		Kind: kafkastream.ErrUnknownPartition, Key: kafkacursor.Key{Topic: topic, Partition: partition},
		Asked: fmt.Sprintf("partition %d", partition), Found: fmt.Sprintf("%d partitions", partitions), Do: "ask for one from 0 on",
	}
}
