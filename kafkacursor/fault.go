package kafkacursor

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// fromFault makes the error of the user's language of a fault of the topic of
// cursors, and leaves other errors alone.
func fromFault(topic string, err error) error {
	var fault *partition.Fault
	if !errors.As(err, &fault) {
		return err
	}
	e := &Error{Kind: ErrRefused, Topic: topic, Cause: fault.Cause}
	switch fault.Kind {
	case partition.UnknownTopic:
		return unknownTopic(topic, fault.Cause)
	case partition.UnknownPartition:
		e.Kind = ErrPartitionCount
		e.Asked = fmt.Sprintf("partition %d", fault.Partition)
		e.Found = fmt.Sprintf("%d partitions", fault.Partitions)
	case partition.Recreated:
		return sameTopic(topic, fault.WasID, fault.IsID)
	case partition.Unauthorised:
		return notAuthorised(topic, fault.Cause)
	case partition.Closed:
		e.Kind = ErrClosed
	default:
		// A truncated log is read again from its start by the next call.
		e.Cause = fault
	}
	return e
}

// fromError makes the error of the user's language of what a request met that is
// not about a partition.
func fromError(topic string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch kafka.Classify(err) {
	case kafka.Unauthorised:
		return notAuthorised(topic, err)
	case kafka.Unknown:
		return unknownTopic(topic, err)
	case kafka.Closed:
		return &Error{Kind: ErrClosed, Topic: topic}
	case kafka.Transient, kafka.Leader:
		return unreachable(topic, err)
	default:
		return &Error{Kind: ErrRefused, Topic: topic, Cause: err}
	}
}

func notAuthorised(topic string, cause error) error {
	return &Error{
		Kind: ErrNotAuthorised, Topic: topic, Cause: cause,
		Do: "check the credentials and certificates, and that READ, WRITE and DESCRIBE of the topic are allowed, and for fencing WRITE and DESCRIBE of the transactional ID",
	}
}

func unknownTopic(topic string, cause error) error {
	return &Error{
		Kind: ErrUnknownTopic, Topic: topic, Cause: cause, Found: "no topic of that name",
		Do: "correct the name, or create the topic: Open does it unless told WithoutCreate",
	}
}

func unreachable(topic string, cause error) error {
	return &Error{
		Kind: ErrUnreachable, Topic: topic, Cause: kafka.Cause(cause),
		Do: "check that the brokers are up and the seed brokers right; what was set is kept and tried again",
	}
}

// sameTopic returns an error if both IDs are known and differ.
func sameTopic(topic string, was, is [16]byte) error {
	var none [16]byte
	if was == is || was == none || is == none {
		return nil
	}
	return &Error{
		Kind: ErrTopicRecreated, Topic: topic,
		Asked: "the topic with ID " + partition.FormatID(was), Found: "one of the same name with ID " + partition.FormatID(is),
		Do: "restore the cursors, or open another Store to have consumers begin at the start",
	}
}

// isFence reports whether an error says that the transactional ID has another
// owner, or lost its state, which Kafka does not tell apart.
func isFence(err error) bool {
	return errors.IsAny(err,
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping,
		kerr.TransactionalIDNotFound)
}

// isSlow reports whether kgo gave up on a record that no broker took in time.
func isSlow(err error) bool { return errors.IsAny(err, kgo.ErrRecordTimeout, kgo.ErrRecordRetries) }
