package kafkadeadletter

import (
	"context"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// waitError is what a call returns whose request ended with err: the error of its
// context if that is done, and otherwise one that says what was in the way.
func waitError(ctx context.Context, topic string, err error) error {
	var (
		known  *Error
		fault  *partition.Fault
		gaveUp *partition.GaveUp
	)
	last := err
	if errors.As(err, &gaveUp) {
		last = gaveUp.Last
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		if gaveUp != nil {
			return errors.Wrap(ctx.Err(), "last: "+last.Error())
		}
		return ctx.Err()
	case errors.As(err, &known):
		return err
	case errors.As(err, &fault):
		return fromFault(topic, fault)
	default:
		return fromError(topic, last)
	}
}

// fromFault makes the error of the user's language of a fault of the topic of letters.
func fromFault(topic string, fault *partition.Fault) error {
	switch fault.Kind {
	case partition.UnknownTopic, partition.UnknownPartition:
		return unknownTopic(topic, fault.Cause)
	case partition.Recreated:
		return sameTopic(topic, fault.WasID, fault.IsID)
	case partition.Unauthorised:
		return notAuthorised(topic, fault.Cause)
	case partition.Closed:
		return &Error{Kind: ErrClosed, Topic: topic}
	default:
		return &Error{Kind: ErrRefused, Topic: topic, Cause: fault}
	}
}

// fromError makes the error of the user's language of what a request met that is
// not about a partition.
func fromError(topic string, err error) error {
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
		Do: "check the credentials and certificates, and that READ, WRITE and DESCRIBE of the topic are allowed",
	}
}

func unknownTopic(topic string, cause error) error {
	return &Error{
		Kind: ErrUnknownTopic, Topic: topic, Cause: cause, Found: "no topic of that name",
		Do: "correct the name, or create the topic: Open does it unless told WithoutCreate",
	}
}

func unreachable(topic string, cause error) error {
	e := &Error{Kind: ErrUnreachable, Topic: topic, Cause: kafka.Cause(cause)}
	e.Do = "check that the brokers are up and the seed brokers right, then try again"
	if isSlow(cause) {
		e.Do = "check that the brokers are up, and that the topic has min.insync.replicas replicas in sync, then try again: " +
			"what may be written all the same is then replaced"
	}
	return e
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
		Do: "restore the letters, or open another Store to go on with the new topic",
	}
}

// isSlow reports whether kgo gave up on a record that no broker took in time.
func isSlow(err error) bool { return errors.IsAny(err, kgo.ErrRecordTimeout, kgo.ErrRecordRetries) }
