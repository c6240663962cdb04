package main

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

// sink is where consume puts events. It has them for good when take returns nil.
type sink interface {
	take(ctx context.Context, events []*reflex.Event) error
}

var (
	_ sink = (*printer)(nil)
	_ sink = (*executor)(nil)
)

// errCommand is what every sinkError is.
var errCommand = errors.New("the event was not taken", j.C("ERR_7a40c96df2e8b315"))

// sinkError says which events were not taken, and why.
type sinkError struct {
	first, last string // IDs
	what        string
	err         error
}

func newSinkError(events []*reflex.Event, what string, err error) error {
	return &sinkError{first: events[0].ID, last: events[len(events)-1].ID, what: what, err: err}
}

func (e *sinkError) Error() string {
	which := "event " + e.first
	if e.last != e.first {
		which = fmt.Sprintf("events %s to %s", e.first, e.last)
	}
	return fmt.Sprintf("%s: %v: the cursor stays before %s", e.what, e.err, which)
}

func (e *sinkError) Unwrap() []error { return []error{errCommand, e.err} }
