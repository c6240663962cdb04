package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/reflex"
)

var (
	// errBadLine is what every LineError is.
	errBadLine = errors.New("not an event", j.C("ERR_3fb92c7d510ae684"))
	// errNoEvents says that an input holds none.
	errNoEvents = errors.New("there are no events in it", j.C("ERR_a7e4d80f6b2519c3"))
)

// lineError says which line of an input is not an event, and why.
type lineError struct {
	Input string
	Line  int // from 1
	Found string
	Err   error
}

const expectedLine = `{"type":1,"foreign_id":"order-1","metadata":{"any":"JSON"}}, on one line, metadata optional`

func (e *lineError) Error() string {
	return fmt.Sprintf("%s, line %d is %v: %v\n  found:    %s\n  expected: %s\nNothing was published.",
		e.Input, e.Line, errBadLine, e.Err, e.Found, expectedLine)
}

func (e *lineError) Unwrap() []error { return []error{errBadLine, e.Err} }

const (
	// maxLine is beyond the largest record that a broker takes by default.
	maxLine = 2 << 20
	// maxShown keeps a payload off the screen, and is enough to recognise the line.
	maxShown = 120
)

// kind is the type of an event, which is no more than a number here.
type kind int

// ReflexType returns the number.
func (k kind) ReflexType() int { return int(k) }

// readEvents reads events, one JSON object on each line. Blank lines are
// passed over. It returns a lineError for the first line that is none, so that a
// bad one is known before anything is published.
//
// A reader like a terminal can't be interrupted: when ctx ends first, its last
// read is left behind, for the end of the process.
func readEvents(ctx context.Context, input string, r io.Reader) ([]reflex.Event, error) {
	type result struct {
		events []reflex.Event
		err    error
	}
	done := make(chan result, 1)
	go func() {
		events, err := parseEvents(input, r)
		done <- result{events, err}
	}()
	select {
	case res := <-done:
		return res.events, res.err
	case <-ctx.Done():
		return nil, errors.Wrap(ctx.Err(), "read events", j.KV("input", input))
	}
}

func parseEvents(input string, r io.Reader) ([]reflex.Event, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	var events []reflex.Event
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		event, err := parseEvent(line)
		if err != nil {
			return nil, &lineError{Input: input, Line: number, Found: shorten(line), Err: err}
		}
		events = append(events, event)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, &lineError{Input: input, Line: number + 1, Found: fmt.Sprintf("more than %d bytes", maxLine), Err: err}
	case err != nil:
		return nil, errors.Wrap(err, "read events", j.KV("input", input))
	case len(events) == 0:
		return nil, errors.Wrap(errNoEvents, input)
	}
	return events, nil
}

var (
	errNoType      = errors.New("type is missing", j.C("ERR_58c0d1fa97e34b26"))
	errNoForeignID = errors.New("foreign_id is missing", j.C("ERR_0b6e93ac41d782f5"))
	errTwoMetadata = errors.New("metadata and metadata_base64 exclude each other", j.C("ERR_e2197bd4c5083fa6"))
	errTrailing    = errors.New("there is more than one value", j.C("ERR_94f5a06be3c81d72"))
)

func parseEvent(line []byte) (reflex.Event, error) {
	var parsed eventJSON
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields() // a misspelt field would publish something else than was meant
	if err := decoder.Decode(&parsed); err != nil {
		return reflex.Event{}, err
	}
	switch {
	case decoder.More():
		return reflex.Event{}, errTrailing
	case parsed.Type == nil:
		return reflex.Event{}, errNoType
	case parsed.ForeignID == nil && parsed.ForeignIDBytes == nil:
		return reflex.Event{}, errNoForeignID
	case parsed.MetaData != nil && parsed.MetaDataBytes != nil:
		return reflex.Event{}, errTwoMetadata
	}
	return parsed.event(), nil
}

func shorten(line []byte) string {
	if len(line) <= maxShown {
		return string(line)
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(line[cut]) {
		cut--
	}
	return string(line[:cut]) + "…"
}
