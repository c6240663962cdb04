package migrate

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/luno/jettison/errors"
)

// Action is what is to be done about a consumer, or what was.
type Action string

const (
	// Move sets the cursor.
	Move Action = "move"
	// Keep leaves it as it is: it is where it should be, or there is nothing to move.
	Keep Action = "keep"
	// Refuse leaves it as it is, although that is not where it should be; Step.Why says why.
	Refuse Action = "refuse"
	// Moved is what Move becomes in a report, if it was done.
	Moved Action = "moved"
	// Failed is what Move becomes in a report, if it was tried; Step.Why says more.
	Failed Action = "failed"
)

// Step is what is to be done about a consumer, or in a Report what was.
type Step struct {
	Consumer string `json:"consumer"`
	// Old is the cursor to be moved, as it is where it comes from. "" is none.
	Old string `json:"old"`
	// Present is the cursor that the consumer has where it is moved to, before that. "" is none.
	Present string `json:"present"`
	// New is the cursor that it is to have there. "" is the start. It means nothing where Action
	// is Refuse.
	New string `json:"new"`
	// Behind is how many offsets are from New to the end of the partition: no fewer than the events
	// that the consumer has before it. Markers of transactions have offsets too.
	Behind int64  `json:"behind"`
	Action Action `json:"action"`
	// Why says more, and is empty where the action says all.
	Why string `json:"why,omitempty"`
	// Err is the reason of Refuse and Failed, for errors.Is. It is not in the JSON.
	Err error `json:"-"`
}

// Plan is what Apply would do. It is plain data: print it, keep it as JSON, take steps out.
type Plan struct {
	// Topic and Partition are those that the new cursors are in.
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Start and End are the range of offsets that it has.
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Steps []Step `json:"steps"`
}

// String returns the plan as a table, and a line that counts.
func (p Plan) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	// A strings.Builder takes all that is written to it.
	_, _ = fmt.Fprintln(table, "CONSUMER\tOLD\tPRESENT\tNEW\tBEHIND\tACTION\tWHY")
	count := make(map[Action]int)
	for _, s := range p.Steps {
		count[s.Action]++
		newCursor, behind := orDash(s.New), fmt.Sprint(s.Behind)
		if s.Action == Refuse {
			newCursor, behind = "-", "-"
		}
		_, _ = fmt.Fprintln(table, strings.Join([]string{
			oneLine(s.Consumer), orDash(s.Old), orDash(s.Present), newCursor, behind, string(s.Action), oneLine(s.Why),
		}, "\t"))
	}
	_ = table.Flush()
	_, _ = fmt.Fprintf(&text, "%s/%d, offsets %d to %d:", p.Topic, p.Partition, p.Start, p.End)
	separator := " "
	for _, action := range []Action{Move, Moved, Keep, Refuse, Failed} {
		if count[action] > 0 {
			_, _ = fmt.Fprintf(&text, "%s%d %s", separator, count[action], action)
			separator = ", "
		}
	}
	if len(p.Steps) == 0 {
		text.WriteString(" no consumers")
	}
	return trimLines(text.String()) + "\n"
}

// Err returns the reasons of the steps that are refused, or nil. It is what makes a dry run fail.
func (p Plan) Err() error { return stepsErr(p.Steps) }

// Report is a plan as it was carried out: its actions are Moved, Keep, Refuse and Failed.
type Report Plan

// String returns the report as a table, and a line that counts.
func (r Report) String() string { return Plan(r).String() }

// Err returns the reasons of the steps that are not done, or nil.
func (r Report) Err() error { return stepsErr(r.Steps) }

func stepsErr(steps []Step) error {
	var errs []error
	for _, s := range steps {
		err := s.Err
		if err == nil && (s.Action == Refuse || s.Action == Failed) {
			err = errors.New(s.Why) // of a plan that was JSON in between
		}
		if err != nil {
			errs = append(errs, errors.Wrap(err, "consumer "+quote(s.Consumer)))
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// orDash makes the empty cursor visible.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return oneLine(text)
}

// oneLine keeps names and reasons of others from breaking the table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// trimLines takes away the blanks that a table has where the last column is empty.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
