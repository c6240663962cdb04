package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

//go:embed samples/orders.ndjson
var sampleOrders []byte

const defaultGenerate = 100_000

// eventSource is what the demo publishes: known as a whole before anything is.
type eventSource interface {
	len() int
	at(i int) *reflex.Event
}

var (
	_ eventSource = givenEvents(nil)
	_ eventSource = generatedEvents(0)
)

// events returns what the command line asks for.
func (c *demoCommand) events(ctx context.Context, in io.Reader) (eventSource, error) {
	var (
		events []reflex.Event
		err    error
	)
	switch c.File {
	case "":
		if !c.Sample {
			n := c.Generate
			if n == 0 {
				n = defaultGenerate
			}
			return generatedEvents(n), nil
		}
		events, err = readEvents(ctx, "samples/orders.ndjson", bytes.NewReader(sampleOrders))
	case "-":
		events, err = readEvents(ctx, "standard input", in)
	default:
		var file *os.File
		if file, err = os.Open(c.File); err != nil {
			return nil, &inputError{err}
		}
		events, err = readEvents(ctx, c.File, file)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, err
	}
	return givenEvents(events), nil
}

// inputError is a file that can't be opened.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

type givenEvents []reflex.Event

func (g givenEvents) len() int               { return len(g) }
func (g givenEvents) at(i int) *reflex.Event { return &g[i] }

// generatedEvents are about so many orders, each of which is made, paid and sent.
type generatedEvents int

const (
	generatedStates = 3
	// generatedAtOnce is how many orders are under way at the same time, so
	// that events about different things alternate.
	generatedAtOnce = 10
)

func (g generatedEvents) len() int { return int(g) }

func (g generatedEvents) at(i int) *reflex.Event {
	round, within := i/(generatedStates*generatedAtOnce), i%(generatedStates*generatedAtOnce)
	order := round*generatedAtOnce + within%generatedAtOnce
	state := 1 + within/generatedAtOnce
	return &reflex.Event{
		Type:      kind(state),
		ForeignID: fmt.Sprint("order-", order),
		MetaData:  fmt.Appendf(nil, `{"n":%d,"cents":%d}`, i, 100+order*7%90_000),
	}
}
