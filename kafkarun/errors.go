package kafkarun

import (
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
)

// The kinds of an *Error. Match them with errors.Is.
var (
	// ErrInvalidOption is returned by New for options that make no sense, alone or together.
	ErrInvalidOption = errors.New("option of the runner is invalid", j.C("ERR_6d0f3b92a7e41c58"))

	// ErrRunning is returned by Run while another Run of the same Runner goes on.
	ErrRunning = errors.New("runner is running already", j.C("ERR_e39c71d5024fa8b6"))

	// ErrGroup is returned by Run when the consumer group will never have this member: an ACL is missing, another
	// process has the same instance ID, or the brokers refuse a setting. Its cause says which.
	ErrGroup = errors.New("consumer group refuses the member", j.C("ERR_0b58ea6c93d7f124"))

	// ErrNotReleased is part of Run's error where a partition could not be let go of cleanly: the logic still has
	// an event in hand after the drain time and a little more. That event will come again, to the next owner
	// of the partition, while the logic may still be at it.
	ErrNotReleased = errors.New("partition is still in hand", j.C("ERR_94c1f7e82b60d3a5"))

	// ErrReleased is returned to logic, or to Run below it, that sets a cursor after its partition was
	// taken away. The cursor is not moved.
	ErrReleased = errors.New("partition was taken away", j.C("ERR_d25a806be4f9173c"))
)

// Error is what is wrong with a runner. It is its Kind, and its Cause, for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error
	// About is the topic, with the partition where it is about one.
	About string
	// Asked, Found and Do say what was asked for, what is there, and what to do about it. Those that have nothing to
	// say are empty.
	Asked, Found, Do string
	// Cause is what Kafka or kgo said, or nil.
	Cause error
}

// Error says all there is to say in one line.
func (e *Error) Error() string {
	return complaint.Line(e.Kind, e.About, e.Asked, e.Found, e.Cause, e.Do)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return complaint.Chain(e.Kind, e.Cause) }
