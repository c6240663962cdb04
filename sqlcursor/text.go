package sqlcursor

import (
	"net/url"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// escape returns a text as the table has it: printable ASCII, which no charset of a connection, no
// collation and no padding changes. A cursor of Kafka stays as it is.
func escape(text string) string { return url.PathEscape(text) }

// unescape is the inverse of escape. It is generous with texts that a person wrote, who need
// not know of it, unless they can be read in no way.
func unescape(stored string) (string, error) { return url.PathUnescape(stored) }

// unescapeKey is unescape for what a row is found by: two spellings of one name would
// be two rows.
func unescapeKey(stored string) (string, error) {
	text, err := unescape(stored)
	if err == nil && escape(text) != stored {
		err = errors.New("not in canonical form", j.KV("canonical", escape(text)))
	}
	return text, err
}

// clip keeps outside text in a message short.
func clip(text string) string {
	const enough = 64
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "..."
}
