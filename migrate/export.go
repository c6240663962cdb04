package migrate

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/decimal"
)

// ErrBadExport is returned by ReadCursors for what is no export of cursors.
var ErrBadExport = errors.New("not an export of cursors", j.C("ERR_70b5e1d8f2c9364a"))

// ReadCursors reads the cursors of consumers from JSON, such as those exported from a
// database, for Map. It is one object
//
//	{"billing": "17", "shipping": 12}
//
// or one for each consumer, behind each other or in an array, such as
//
//	{"consumer": "billing", "cursor": "17"}
//	{"consumer": "shipping", "cursor": 12}
//
// A cursor is a text, or a number without fraction or exponent; null is none. A consumer must
// not come twice. It returns ErrBadExport for anything else, and the errors of r.
func ReadCursors(r io.Reader) (map[string]string, error) {
	e := exportReader{decoder: json.NewDecoder(r), cursors: make(map[string]string)}
	e.decoder.UseNumber()
	for {
		token, err := e.decoder.Token()
		if errors.Is(err, io.EOF) {
			break // between two values; inside of one it is an error
		}
		if err == nil {
			err = e.value(token)
		}
		if err != nil {
			return nil, e.error(err)
		}
	}
	if !e.any {
		return nil, errors.Wrap(ErrBadExport, "there is nothing in it")
	}
	return e.cursors, nil
}

// exportReader reads token by token: a map would not tell that a consumer comes twice.
type exportReader struct {
	decoder *json.Decoder
	cursors map[string]string
	any     bool
}

// wrongExport is what is wrong with the text, apart from its syntax.
type wrongExport string

func (w wrongExport) Error() string { return string(w) }

func (e *exportReader) error(err error) error {
	var (
		syntax *json.SyntaxError
		wrong  wrongExport
	)
	if errors.As(err, &syntax) || errors.As(err, &wrong) || errors.IsAny(err, io.EOF, io.ErrUnexpectedEOF) {
		return errors.Wrap(ErrBadExport, fmt.Sprintf("near byte %d: %v", e.decoder.InputOffset(), err))
	}
	return err
}

// value reads what begins with the token: an object, or an array of them.
func (e *exportReader) value(token json.Token) error {
	switch token {
	case json.Delim('{'):
		return e.object()
	case json.Delim('['):
		for e.decoder.More() {
			next, err := e.decoder.Token()
			if err != nil {
				return err
			}
			if next != json.Delim('{') {
				return wrongExport("an array holds one object for each consumer")
			}
			if err := e.object(); err != nil {
				return err
			}
		}
		e.any = true
		_, err := e.decoder.Token() // the end of the array
		return err
	}
	return wrongExport("an object is expected")
}

// object reads an object whose begin was read.
func (e *exportReader) object() error {
	fields := make(map[string]string)
	for e.decoder.More() {
		name, err := e.decoder.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string) // a name is nothing else
		value, err := e.decoder.Token()
		if err != nil {
			return err
		}
		if _, twice := fields[text]; twice {
			return wrongExport(fmt.Sprintf("%s comes twice", quote(text)))
		}
		if fields[text], err = cursorOf(value); err != nil {
			return err
		}
	}
	if _, err := e.decoder.Token(); err != nil { // the end of the object
		return err
	}
	e.any = true
	consumer, isConsumer := fields["consumer"]
	cursor, hasCursor := fields["cursor"]
	if isConsumer && hasCursor && len(fields) == 2 {
		return e.add(consumer, cursor)
	}
	for name, cursor := range fields {
		if err := e.add(name, cursor); err != nil {
			return err
		}
	}
	return nil
}

func cursorOf(value json.Token) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		if decimal.Is(v.String()) {
			return v.String(), nil
		}
	}
	return "", wrongExport(fmt.Sprintf("%s is no cursor: it is a text or a whole number", quote(fmt.Sprint(value))))
}

func (e *exportReader) add(consumer, cursor string) error {
	if consumer == "" {
		return wrongExport("a consumer without a name")
	}
	if _, twice := e.cursors[consumer]; twice {
		return wrongExport(fmt.Sprintf("consumer %s comes twice", quote(consumer)))
	}
	e.cursors[consumer] = cursor
	return nil
}
