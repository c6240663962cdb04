package kafkacursor

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
)

const (
	takenOverDo  = "let the other owner have it, or run the consumer again to take it back"
	unknownEndDo = "run the consumer again: it goes on from the cursor that is stored"
)

// errNoGeneration is why a member that the group doesn't have now is refused by ourselves.
var errNoGeneration = errors.New("no member of the group at present", j.C("ERR_2f8be51d7a60c943"))

// isRefusal reports whether the coordinator of a group says that one is no member of its
// generation. Which code it is depends on the release and the protocol, and a stale member gets any of them.
func isRefusal(err error) bool {
	return errors.IsAny(err,
		kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.FencedInstanceID, kerr.StaleMemberEpoch,
		kerr.FencedMemberEpoch, kerr.GroupIDNotFound)
}

// isPassing reports whether a transaction that was not committed will be, if it is made again.
func isPassing(err error) bool {
	var known *Error
	if errors.As(err, &known) {
		return false
	}
	if errors.IsAny(err, kerr.RebalanceInProgress, kerr.TransactionAbortable) {
		return true
	}
	class := kafka.Classify(err)
	return class == kafka.Transient || class == kafka.Leader
}

// refusedError is that of a cursor whose writer the group doesn't have as a member any more.
func (s *Store) refusedError(l line, at membership, cause error) error {
	return &Error{
		Kind: ErrFenced, Topic: s.topic, Key: l.key, Cause: cause,
		Asked: at.String(), Found: "that the group has gone on without it", Do: takenOverDo,
	}
}

// notWritten is that of a cursor which is kept, and tried again.
func (s *Store) notWritten(l line, err error) error {
	if isSlow(err) || errors.IsAny(err, context.Canceled, context.DeadlineExceeded) {
		return s.slowWrite(l.job)
	}
	if errors.Is(err, kerr.RebalanceInProgress) {
		err = unreachable(s.topic, err)
	}
	return s.keyed(l.key, fromError(s.topic, err))
}

// offsetError says which offset the group doesn't take, unless that is about the
// membership or passes.
func offsetError(at membership, topic string, partition int32, err error) error {
	e := &Error{
		Kind: ErrRefused, Cause: err, Asked: fmt.Sprintf("the offset of %s/%d to be committed in group %q", topic, partition, clip(at.group)),
	}
	switch kafka.Classify(err) {
	case kafka.Unknown:
		e.Do = "see that the topic of the events is there"
	case kafka.Unauthorised:
		e.Kind = ErrNotAuthorised
		e.Do = "allow READ of the group and of the topic of the events, and WRITE and DESCRIBE of the transactional ID"
	default:
		return err
	}
	return e
}
