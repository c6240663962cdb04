package reflex

import (
	"fmt"
	"runtime/debug"
)

// PanicError is returned instead of a panic of a consumer. The event is not
// consumed and the cursor stays before it. It is never expected in the sense of
// IsExpected, whatever the value.
type PanicError struct {
	// Value is what panic was called with.
	Value any
	// Stack is the stack of the panic, as runtime/debug.Stack gives it.
	Stack []byte

	// place is where it happened; empty means the consumer.
	place string
}

var _ error = (*PanicError)(nil)

// Error leaves the stack out: it has many lines.
func (e *PanicError) Error() string {
	place := e.place
	if place == "" {
		place = "consumer"
	}
	return fmt.Sprintf("panic in %s: %v", place, e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// recoverTo turns a panic at the place into an error. It must be deferred itself, not called
// by a deferred function, or recover has no effect.
func recoverTo(err *error, place string) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack(), place: place}
	}
}
