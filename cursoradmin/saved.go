package cursoradmin

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// WriteStandings writes standings as JSON, one object on each line.
func WriteStandings(w io.Writer, standings []Standing) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // it is not for a browser
	for _, s := range standings {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// savedStanding tells a cursor that is missing from the one that is the start.
type savedStanding struct {
	Standing
	Cursor *string `json:"cursor"`
}

var (
	errIncomplete = errors.New("consumer, state or cursor is missing", j.C("ERR_b04e7d2f91ac6538"))
	errNoneSaved  = errors.New("there are none in it", j.C("ERR_61d8fa0c3be72594"))
)

// ReadStandings reads what WriteStandings has written, or arrays of it. It returns ErrBadFile for anything else.
func ReadStandings(r io.Reader) ([]Standing, error) {
	decoder := json.NewDecoder(r)
	var standings []Standing
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badFile(err)
		}
		saved, err := parseStandings(raw)
		if err != nil {
			return nil, badFile(err)
		}
		for _, s := range saved {
			if s.Consumer == "" || s.State == "" || s.Cursor == nil {
				return nil, badFile(errIncomplete)
			}
			s.Standing.Cursor = *s.Cursor
			standings = append(standings, s.Standing)
		}
	}
	if len(standings) == 0 {
		return nil, badFile(errNoneSaved)
	}
	return standings, nil
}

func parseStandings(raw json.RawMessage) ([]savedStanding, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields() // a misspelt field would mean something else
	if bytes.HasPrefix(raw, []byte("[")) {
		var many []savedStanding
		err := decoder.Decode(&many)
		return many, err
	}
	var one savedStanding
	err := decoder.Decode(&one)
	return []savedStanding{one}, err
}

func badFile(cause error) error {
	return &Error{Kind: ErrBadFile, Cause: cause, Do: "give what List prints as JSON"}
}
