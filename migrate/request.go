package migrate

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
)

// attemptTimeout bounds one request, so that another broker is asked if one hangs.
const attemptTimeout = 3 * time.Second

var errSilent = errors.New("broker did not answer in time", j.C("ERR_4f70e2b8c93da165"))

// ask makes a request and repeats it while its error is one that passes, until the timeout
// is over. It returns the error of ctx if that is done.
func ask[T any](ctx context.Context, cl *kafka.Client, timeout time.Duration, fn func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var (
		pause kafka.Backoff
		last  error
		zero  T
	)
	for {
		limited, stop := context.WithTimeout(bounded, attemptTimeout)
		res, err := kafka.Do(limited, cl, fn)
		silent := limited.Err() != nil
		stop()
		switch {
		case err == nil:
			return res, nil
		case ctx.Err() != nil:
			return zero, ctx.Err()
		case silent:
			last = errSilent
		case !passes(err):
			return zero, err
		default:
			last = err
		}
		if bounded.Err() != nil || pause.Wait(bounded) != nil {
			if ctx.Err() != nil {
				return zero, ctx.Err()
			}
			return zero, last
		}
	}
}

// passes reports whether an error goes away by itself. Unknown may be a topic that
// not all brokers have heard of: whether it is there was found out before.
func passes(err error) bool {
	var known *Error
	if errors.As(err, &known) {
		return false
	}
	class := kafka.Classify(err)
	return class == kafka.Transient || class == kafka.Leader || class == kafka.Unknown
}

// failure makes an *Error of what a request returned, and leaves the errors of contexts to
// the caller.
func failure(topic string, partition int32, asked string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	e := &Error{Kind: ErrInterrupted, Topic: topic, Partition: partition, Asked: asked, Cause: kafka.Cause(err)}
	switch class := kafka.Classify(err); {
	case class == kafka.Unauthorised:
		e.Kind = kafkastream.ErrNotAuthorised
		e.Do = "check the credentials and what they are allowed: READ, WRITE and DESCRIBE of the topic, WRITE and DESCRIBE of the transactional ID, READ of the group"
	case class == kafka.InvalidTopic:
		e.Kind = kafkastream.ErrUnknownTopic
		e.Do = "correct the name of the topic"
	case class.Permanent():
		e.Kind = kafkastream.ErrRefused
		e.Do = "see what the broker says"
	default:
		e.Do = "check the brokers and try again"
	}
	return e
}
