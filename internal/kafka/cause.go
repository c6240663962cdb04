package kafka

import (
	"context"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// Cause returns an error of a request to be the cause of another. It keeps the
// error of a context inside the request from passing for the caller's own: kgo's
// timeouts are context.DeadlineExceeded, which a loop around reflex.Run takes
// for an end that is expected, and so would not log.
func Cause(err error) error {
	if errors.IsAny(err, context.Canceled, context.DeadlineExceeded) {
		return errors.New(err.Error(), j.C("ERR_5b18d4e7c2903fa6"))
	}
	return err
}
