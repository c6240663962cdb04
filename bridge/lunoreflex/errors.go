package lunoreflex

import (
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

var (
	// ErrNil is returned by whatever was made of nil, when it is used: by a stream when it is
	// opened, by each method of a store, by Reset and Consume of a consumer.
	ErrNil = errors.New("the bridge to luno/reflex was given nil", j.C("ERR_30aa8ce7f9476f8b"))
	// ErrNoClient is returned by a bridged StreamFunc when the one behind it returned
	// neither a stream nor an error: a bug of that one.
	ErrNoClient = errors.New("the stream function returned neither a stream nor an error", j.C("ERR_ef3858809963ada8"))
)

// nilError says what was nil.
func nilError(what string) error {
	return errors.Wrap(ErrNil, "use "+what, j.KV("nil", what))
}
