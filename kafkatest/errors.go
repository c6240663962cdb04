package kafkatest

import (
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

var (
	// ErrInvalidOption is returned by New when an option makes no sense. The
	// error says which; correct the call.
	ErrInvalidOption = errors.New("invalid option of the embedded broker", j.C("ERR_6d1f0b9c3e57a284"))

	// ErrClosed is returned by methods of a Broker that was closed.
	ErrClosed = errors.New("the embedded broker is closed", j.C("ERR_c2a84e6f7d10b935"))
)
