package migrate

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
	// ErrInvalidOption is returned for options that make no sense. Correct the program.
	ErrInvalidOption = errors.New("invalid option for a migration", j.C("ERR_41d8b06fa3e7259c"))

	// ErrTargetSettings is returned by Copy for a topic that would lose or change what
	// is copied into it, or spread it. Nothing was changed.
	ErrTargetSettings = errors.New("topic is not fit for a copy", j.C("ERR_7c02e95ba81f46d3"))

	// ErrForeignRecords is returned for a target that holds records that no copy wrote,
	// where there must be none: before or among those that were copied, and at all
	// where there is still something to copy.
	ErrForeignRecords = errors.New("target holds records that were not copied", j.C("ERR_b53f718e4cd0926a"))

	// ErrSourceMismatch is returned by Copy when the source doesn't have the event that
	// was copied last, or has another one under its ID. Nothing was changed.
	ErrSourceMismatch = errors.New("target was copied from another source", j.C("ERR_0ea4c7d2916fb835"))

	// ErrSourceOrder is returned by Copy for a source that repeats or reorders its events. What
	// came before is copied, and nothing after.
	ErrSourceOrder = errors.New("source repeats or reorders its events", j.C("ERR_f86b13d95a2e70c4"))

	// ErrFenced is returned by Copy once another copy into the same partition has
	// started, or after a transaction that outlived its timeout, which brokers treat alike. It
	// has written nothing since.
	ErrFenced = errors.New("another copy took the target over", j.C("ERR_29d7a05cf4e8b361"))

	// ErrInterrupted is returned when the brokers, or the source before anything was copied, were of
	// no help for too long. Copy goes on exactly where the target ends when it is called again.
	ErrInterrupted = errors.New("no useful answer in time", j.C("ERR_8a61fe03c7b5d942"))

	// ErrNotCopied is why a cursor is not moved whose event, or one after it, is not in the
	// target yet.
	ErrNotCopied = errors.New("event of the cursor is not copied yet", j.C("ERR_53e90b7ad1c24f68"))

	// ErrUnknownCursor is why a cursor is not moved that is the ID of no copied event, and no
	// number that could be compared with them.
	ErrUnknownCursor = errors.New("no copied event has the cursor as its ID", j.C("ERR_c19f4d6823be05a7"))

	// ErrGone is why a cursor is not moved whose place in the target retention has removed.
	ErrGone = errors.New("place of the cursor is gone from the target", j.C("ERR_64ab2f09d8e7c135"))

	// ErrAhead is why a cursor is not moved whose consumer is further in the target already.
	ErrAhead = errors.New("consumer is further already", j.C("ERR_e7305cb8f16da294"))

	// ErrMoved is why a step of a plan was not done: a cursor has changed since.
	ErrMoved = errors.New("cursor has moved since the plan", j.C("ERR_1d54be79a60c38f2"))

	// ErrBadCursor is why a cursor is not moved that can't be understood.
	ErrBadCursor = errors.New("not a cursor of this log", j.C("ERR_9f28c3e5407bd16a"))

	// ErrGroupActive is why a cursor is not moved from or to a consumer group that
	// still runs.
	ErrGroupActive = errors.New("consumer group has members", j.C("ERR_a2e76d90b34f581c"))
)

// Error says what keeps something from being migrated. It is its Kind, and its Cause,
// for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package or of kafkastream.
	Kind error

	// Topic is the target, or empty where it doesn't matter.
	Topic     string
	Partition int32

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Cause is what Kafka or kgo said, or nil.
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

// IsPermanent reports whether the error will be the same the next time, until somebody
// has done something. What a source of the user's returns is never called permanent.
func IsPermanent(err error) bool {
	return kafkastream.IsPermanent(err) || kafkacursor.IsPermanent(err) || errors.IsAny(err,
		ErrInvalidOption, ErrTargetSettings, ErrForeignRecords, ErrSourceMismatch, ErrSourceOrder, ErrFenced,
		ErrUnknownCursor, ErrGone, ErrAhead, ErrBadCursor,
		kafkastream.ErrInvalidEvent, kafkastream.ErrEventTooLarge)
}
