package kafkadeadletter

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
)

// The kinds of an *Error. Match them with errors.Is.
var (
	// ErrInvalidOption is returned by Open and Replay for options, of this package or of kgo, that
	// make no sense here. Correct the program.
	ErrInvalidOption = errors.New("invalid option", j.C("ERR_04cb2522411925ec"))

	// ErrTopicConfig is returned by Open when the topic is or would be configured so that it
	// loses letters, or could not be created. Nothing was changed.
	ErrTopicConfig = errors.New("topic is not configured for dead letters", j.C("ERR_b9dded4438da19c5"))

	// ErrPartitionCount is returned by Open when the topic has more partitions than one: letters are
	// written to and read from the first alone.
	ErrPartitionCount = errors.New("topic of dead letters must have one partition", j.C("ERR_c817f8dfc00f43bc"))

	// ErrUnknownTopic is returned when there is no topic of dead letters, and it is not to be created.
	// Create it, with Open, or correct the name.
	ErrUnknownTopic = errors.New("unknown topic of dead letters", j.C("ERR_b3fb07ab623dd663"))

	// ErrTopicRecreated is returned by all that reads once the topic of dead letters was deleted
	// and created again: the letters are gone. Open another Store to go on with the new one.
	ErrTopicRecreated = errors.New("topic of dead letters was deleted and created again", j.C("ERR_8b72176941ee4d12"))

	// ErrBadName is returned for a consumer without a name.
	ErrBadName = errors.New("consumer has no name", j.C("ERR_fcb340feb82367fc"))

	// ErrBadKey is returned by ParseKey for a text that no key is written as, and for a Key that no letter has.
	ErrBadKey = errors.New("not the key of a dead letter", j.C("ERR_0778f14b377a117c"))

	// ErrBadEvent is returned by Insert and ErrorInsert for an event that is not one of the log: its ID is not
	// an offset in decimal, or it is nil.
	ErrBadEvent = errors.New("event can't be dead-lettered", j.C("ERR_c9dbcf48bf1705da"))

	// ErrCorruptLetter is the Letter.Err of a record that this package didn't write like that. Replay stops at
	// it. Find out who wrote it, then Discard it.
	ErrCorruptLetter = errors.New("record is not a dead letter", j.C("ERR_5d342a8ad959c863"))

	// ErrNoEvent is returned by Replay at a letter of which there is no event: when it was written, the log didn't
	// have the record any more, and ErrorInsert is not given the event. Get the event from elsewhere, then Discard the letter.
	ErrNoEvent = errors.New("dead letter holds no event", j.C("ERR_53812c2675d96f18"))

	// ErrTooLarge is returned by Insert for a letter that is larger than the topic takes. Nothing was written, so
	// the consumer is stuck at the event until max.message.bytes of the topic is raised and the Store opened anew.
	ErrTooLarge = errors.New("dead letter is too large", j.C("ERR_884067dff9827b2e"))

	// ErrNotAuthorised is returned when an ACL, the credentials or a certificate are in the way.
	ErrNotAuthorised = errors.New("not authorised", j.C("ERR_7569b712a376f614"))

	// ErrOpenTransaction is returned by all that reads when a transaction of somebody else in the topic hides what
	// is behind it. It ends by itself when its timeout is over.
	ErrOpenTransaction = errors.New("an open transaction hides dead letters", j.C("ERR_3fe6724c3106056b"))

	// ErrUnreachable is returned when no broker gave a useful answer within the timeout, see WithTimeout. A letter may
	// be written all the same; writing it again replaces it.
	ErrUnreachable = errors.New("no broker is of help", j.C("ERR_9e5d79e243396e01"))

	// ErrRefused is returned when Kafka will never do what is needed, or a record of the topic can't
	// be read.
	ErrRefused = errors.New("request was refused", j.C("ERR_2c036583faf8c84e"))

	// ErrReplay is returned by Replay when a letter could not be consumed. It stays. The cause is the first failure;
	// Replayed has all of them.
	ErrReplay = errors.New("letters were not replayed", j.C("ERR_38fe403e0673764d"))

	// ErrWrittenAgain is the failure of a letter that was replaced while Replay had it in hand: the consumer
	// dead-lettered the event once more instead of consuming it. Replay with a consumer that returns its errors.
	ErrWrittenAgain = errors.New("letter was written again while it was replayed", j.C("ERR_34daba5ce3cdb065"))

	// ErrClosed is returned by all methods after Close.
	ErrClosed = errors.New("store of dead letters is closed", j.C("ERR_a478f14f06fe57df"))
)

// Error is what is wrong with a letter, the topic of letters, or the way to it. It is its Kind,
// and its Cause, for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error

	// Topic is that of the letters, or empty where it doesn't matter.
	Topic string
	// Key is the letter that it is about, or zero.
	Key Key

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Cause is what Kafka, kgo, the log or the consumer said, or nil.
	Cause error
}

// Error says all there is to say in one line.
func (e *Error) Error() string {
	about := ""
	switch {
	case e.Key.Consumer != "" && e.Topic != "":
		about = fmt.Sprintf("%s in %s", e.Key, e.Topic)
	case e.Key.Consumer != "":
		about = e.Key.String()
	case e.Topic != "":
		about = e.Topic
	}
	return complaint.Line(e.Kind, about, e.Asked, e.Found, e.Cause, e.Do)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	return complaint.Chain(e.Kind, e.Cause)
}

// IsPermanent reports whether a store's error will be the same the next time, until
// somebody has done something. What the log or the consumer returned is not looked at: an
// ErrReplay is permanent only if its cause is one of this package's that is.
func IsPermanent(err error) bool {
	return errors.IsAny(err,
		ErrInvalidOption, ErrTopicConfig, ErrPartitionCount, ErrUnknownTopic, ErrTopicRecreated, ErrBadName, ErrBadKey,
		ErrBadEvent, ErrCorruptLetter, ErrNoEvent, ErrTooLarge, ErrNotAuthorised, ErrRefused, ErrWrittenAgain, ErrClosed)
}
