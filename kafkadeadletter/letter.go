package kafkadeadletter

import (
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Letter is an event that a consumer could not consume, and why.
type Letter struct {
	// Key is whose letter it is, and of which event.
	Key Key
	// Record is the record of the event as its log had it: key, value, headers and timestamp to the
	// byte, at its topic, partition, offset and leader epoch. It is nil if the log no longer had it when the letter was
	// written. What a record has beside these, such as the producer's ID, is not kept.
	Record *kgo.Record
	// Event is the event as the consumer had it, if Record is nil. It is nil as well if the letter
	// was written by ErrorInsert, which isn't given the event.
	Event *reflex.Event
	// Failure is why the consumer could not consume it.
	Failure Failure
	// Time is when the letter was written, by the clock of the one who did.
	Time time.Time
	// Offset is where the letter is in its topic.
	Offset int64
	// Err says why the record is not a letter, or is nil. Then nothing but Offset, Time and, where it
	// could be read, Key is set.
	Err error
}

// Failure is an error as far as it can be written down.
type Failure struct {
	// Text is the whole text of the error.
	Text string
	// Codes are its jettison codes, the outermost first. The code of an error that was given none is
	// its message.
	Codes []string
	// Type is the Go type of the innermost error, such as "*net.OpError".
	Type string
	// Keys are its jettison key-values.
	Keys map[string]string
	// Stack is its stack trace, one call a line, or empty if it has none.
	Stack string
}

// failureOf writes an error down.
func failureOf(err error) Failure {
	if err == nil {
		return Failure{}
	}
	f := Failure{Text: err.Error(), Codes: errors.GetCodes(err), Type: typeOf(innermost(err))}
	if keys := errors.GetKeyValues(err); len(keys) > 0 {
		f.Keys = keys
	}
	if _, stack, ok := errors.GetLastStackTrace(err); ok {
		f.Stack = joinLines(stack)
	}
	return f
}

// innermost returns the error that the others are around; of several the first.
func innermost(err error) error {
	for {
		var inner error
		switch e := err.(type) { //nolint:errorlint // each error is looked at by itself
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				inner = all[0]
			}
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}
