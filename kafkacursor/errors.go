package kafkacursor

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
)

// The kinds of an *Error. Match them with errors.Is.
var (
	// ErrInvalidOption is returned by Open for options, of this package or of
	// kgo, that make no sense here. Correct the program.
	ErrInvalidOption = errors.New("invalid option", j.C("ERR_70d8b1c35fe9a246"))

	// ErrTopicConfig is returned by Open when the topic is or would be configured so
	// that it loses cursors, or could not be created. Nothing was changed.
	ErrTopicConfig = errors.New("topic is not configured for cursors", j.C("ERR_2b96e4f01c7da853"))

	// ErrPartitionCount is returned by Open when the topic has another number of
	// partitions than it was written with, so that cursors would not be found.
	ErrPartitionCount = errors.New("topic of cursors has another number of partitions", j.C("ERR_c147f9a3e0528bd6"))

	// ErrUnknownTopic is returned when there is no topic of cursors, and it is not to be
	// created. Create it, with Open, or correct the name.
	ErrUnknownTopic = errors.New("unknown topic of cursors", j.C("ERR_5e3a0c8d17f6b924"))

	// ErrTopicRecreated is returned by all methods once the topic of cursors was
	// deleted and created again: the cursors are gone. Restore them, or open
	// another Store to accept that consumers begin at the start.
	ErrTopicRecreated = errors.New("topic of cursors was deleted and created again", j.C("ERR_91fc7d604eb3a258"))

	// ErrFenced is returned by SetCursor and Flush, with WithFencing, once
	// somebody else got the cursor of that consumer. Nothing set after that was
	// stored. GetCursor takes the consumer back: do that only if it should run here.
	// With WithMemberFencing it means that the partition is another member's, or that another process has
	// the transactional ID.
	ErrFenced = errors.New("another owner took over the consumer", j.C("ERR_e82d5b07f4c1936a"))

	// ErrNotMember is returned by GetCursor, SetCursor and Flush, with WithMemberFencing, for a
	// cursor that no member may write here: before Join, after leaving, of a partition that is not assigned to
	// the member, or of no partition at all. Nothing was stored.
	ErrNotMember = errors.New("cursor is of no partition of a member", j.C("ERR_7e49c05bd1f3a268"))

	// ErrSuperseded is returned by SetCursor and Flush once somebody else set the
	// cursor of the consumer: another process that runs it without WithFencing, or an
	// operator. Run the consumer again if it should run here; it goes on from that cursor.
	ErrSuperseded = errors.New("somebody else set the cursor of the consumer", j.C("ERR_08b6e2fd95a73c41"))

	// ErrOwnershipUnknown is returned by SetCursor and Flush, with fencing, after
	// a transaction whose end is not known. GetCursor makes it known.
	ErrOwnershipUnknown = errors.New("end of the transaction is not known", j.C("ERR_b4013c7ea96fd825"))

	// ErrCursorRegression is returned by SetCursor for a cursor before the newest
	// one. It is not stored. Two consumers of that name run in this process, or the
	// stream is not in order.
	ErrCursorRegression = errors.New("cursor is before the one that is set", j.C("ERR_d9f5a81e3704c26b"))

	// ErrBadCursor is returned by SetCursor for an empty cursor, which would mean the
	// start. Reset is for that.
	ErrBadCursor = errors.New("cursor is empty", j.C("ERR_3fe06d94b82a51c7"))

	// ErrNotOffset is returned by SetCursor and Flush, with WithMemberFencing, for a cursor that doesn't begin
	// with an offset: the group can't be given one, and so doesn't say whether it may be written. A newer cursor
	// takes its place.
	ErrNotOffset = errors.New("cursor is not an offset", j.C("ERR_c3a91f6e08d4b752"))

	// ErrBadName is returned for a consumer without a name.
	ErrBadName = errors.New("consumer has no name", j.C("ERR_a6720be41fd8953c"))

	// ErrBadKey is returned by ParseKey for a text that no key is written as.
	ErrBadKey = errors.New("not the key of a cursor", j.C("ERR_47c9e3d80b16fa52"))

	// ErrCorruptEntry is returned by GetCursor and Peek for a record that this
	// package didn't write like that. Find out who did, then Reset or Delete it.
	ErrCorruptEntry = errors.New("record is not that of a cursor", j.C("ERR_f20a6d5bc83e7194"))

	// ErrNotAuthorised is returned when an ACL, the credentials or a certificate
	// are in the way.
	ErrNotAuthorised = errors.New("not authorised", j.C("ERR_1d78b34ac9e2f065"))

	// ErrOpenTransaction is returned by GetCursor, Peek and List when a transaction
	// of somebody else that is not ended hides what is behind it. It ends by itself
	// when its timeout is over.
	ErrOpenTransaction = errors.New("an open transaction hides cursors", j.C("ERR_86b3f7e02da41c59"))

	// ErrUnreachable is returned when no broker gave a useful answer within the
	// timeout, see WithTimeout. What was set is kept and tried again.
	ErrUnreachable = errors.New("no broker is of help", j.C("ERR_6c5a92f4de0b8713"))

	// ErrRefused is returned when Kafka will never do what is needed, or a record
	// of the topic can't be read.
	ErrRefused = errors.New("request was refused", j.C("ERR_de71405fba369c28"))

	// ErrClosed is returned by all methods after Close.
	ErrClosed = errors.New("store of cursors is closed", j.C("ERR_9a34f1c76b0e8d52"))
)

// Error is what is wrong with a cursor, the topic of cursors, or the way to it. It is its
// Kind, and its Cause, for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error

	// Topic is that of the cursors, or empty where it doesn't matter.
	Topic string
	// Key is the cursor that it is about, or zero.
	Key Key

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Cause is what Kafka or kgo said, or nil.
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
// somebody has done something.
func IsPermanent(err error) bool {
	return errors.IsAny(err,
		ErrInvalidOption, ErrTopicConfig, ErrPartitionCount, ErrUnknownTopic, ErrTopicRecreated,
		ErrBadCursor, ErrNotOffset, ErrBadName, ErrBadKey, ErrCorruptEntry, ErrNotAuthorised, ErrRefused, ErrClosed)
}

// joined collects errors. One alone stays as it is.
type joined []error

func (e *joined) add(err error) {
	if err != nil {
		*e = append(*e, err)
	}
}

func (e joined) err() error {
	if len(e) == 1 {
		return e[0]
	}
	return errors.Join(e...)
}
