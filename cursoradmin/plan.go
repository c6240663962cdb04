package cursoradmin

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkacursor"
)

// Action is what is to be done about a cursor, or what was.
type Action string

const (
	// Set sets it.
	Set Action = "set"
	// Delete removes it: the consumer begins at the start.
	Delete Action = "delete"
	// Keep leaves it as it is, which is where it should be.
	Keep Action = "keep"
	// Refuse leaves it as it is, although that is not where it should be; Step.Why says why.
	Refuse Action = "refuse"
	// WasSet is what Set becomes in a report, if it was done.
	WasSet Action = "was set"
	// Deleted is what Delete becomes in a report, if it was done.
	Deleted Action = "deleted"
	// Failed is what either becomes in a report, if it was tried; Step.Why says more.
	Failed Action = "failed"
)

// Step is what is to be done about a cursor, or in a report what was. Numbers that aren't known are -1.
type Step struct {
	Consumer  string `json:"consumer"`
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Old is the cursor as it is, OldState what it means, and OldNext the offset that is next after it.
	Old      string `json:"old"`
	OldState State  `json:"old_state"`
	OldNext  int64  `json:"old_next"`
	// New is the cursor as it is to be, and NewNext the offset that is next after it. "" is the start, and
	// no cursor where it is deleted.
	New     string `json:"new"`
	NewNext int64  `json:"new_next"`
	// Start and End are the range of the log: its start and its last stable offset.
	Start int64 `json:"start"`
	End   int64 `json:"end"`
	// ComeAgain is how many events before the old cursor come again, and Skipped how many after it the consumer will never have.
	ComeAgain int64 `json:"come_again"`
	Skipped   int64 `json:"skipped"`
	// Exact says that the events were counted. Otherwise the numbers are those of offsets, of which there are no fewer.
	Exact  bool   `json:"exact"`
	Action Action `json:"action"`
	// Why says more, and is empty where the action says all.
	Why string `json:"why,omitempty"`
	// Err is the reason of Refuse and Failed, for errors.Is. It is not in the JSON.
	Err error `json:"-"`
	// Epoch and Record are those of the old cursor's record, so that Apply sees whether it has changed.
	Epoch  int64 `json:"epoch"`
	Record int64 `json:"record"`
}

// Plan is what Apply would do. It is plain data: print it, keep it as JSON.
type Plan struct {
	Steps []Step `json:"steps"`
	// Force has Apply overrule who is at work.
	Force bool `json:"force"`
}

func (s Step) key() kafkacursor.Key {
	return kafkacursor.Key{Consumer: s.Consumer, Topic: s.Topic, Partition: s.Partition}
}

// changes reports whether the step is one that Apply does.
func (s Step) changes() bool { return s.Action == Set || s.Action == Delete }

func (s *Step) refuse(why error) { s.Action, s.Why, s.Err = Refuse, why.Error(), why }

// Effect says in words which events come again or are skipped.
func (s Step) Effect() string {
	most := ""
	if !s.Exact {
		most = "at most "
	}
	switch {
	case s.Action == Refuse || s.Action == Keep:
		return ""
	case s.ComeAgain < 0 || s.Skipped < 0:
		return "not known"
	case s.Skipped > 0:
		return fmt.Sprintf("SKIPS %s%s", strings.ToUpper(most), strings.ToUpper(events(s.Skipped)))
	case s.ComeAgain > 0:
		return fmt.Sprintf("%s%s again", most, events(s.ComeAgain))
	}
	return "no event"
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// String returns the plan as a table, and lines that count.
func (p Plan) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	// A strings.Builder takes all that is written to it.
	_, _ = fmt.Fprintln(table, "CONSUMER\tPARTITION\tOLD\tNEW\tNEXT\tEFFECT\tACTION\tWHY")
	for _, s := range p.Steps {
		_, _ = fmt.Fprintln(table, strings.Join([]string{
			oneLine(s.Consumer), s.where(), s.oldText(), s.newText(),
			number(s.OldNext) + " -> " + number(s.NewNext), s.Effect(), string(s.Action), oneLine(s.Why),
		}, "\t"))
	}
	_ = table.Flush()
	return trimLines(text.String()) + p.summary()
}

// summary counts what is done, and says last and alone what is skipped.
func (p Plan) summary() string {
	var (
		text           strings.Builder
		again, skipped int64
		vague          = ""
		count          = make(map[Action]int)
	)
	for _, s := range p.Steps {
		count[s.Action]++
		if s.Action == Refuse || s.Action == Keep {
			continue
		}
		again += max(s.ComeAgain, 0)
		skipped += max(s.Skipped, 0)
		if !s.Exact || s.ComeAgain < 0 {
			vague = "at most "
		}
	}
	separator := ""
	for _, action := range []Action{Set, WasSet, Delete, Deleted, Keep, Refuse, Failed} {
		if count[action] > 0 {
			_, _ = fmt.Fprintf(&text, "%s%d %s", separator, count[action], action)
			separator = ", "
		}
	}
	if len(p.Steps) == 0 {
		return "no cursors\n"
	}
	if again > 0 {
		verb := "come"
		if again == 1 {
			verb = "comes"
		}
		_, _ = fmt.Fprintf(&text, ": %s%s %s again", vague, events(again), verb)
	}
	text.WriteString("\n")
	if skipped > 0 {
		_, _ = fmt.Fprintf(&text, "SKIPS %s%s: the consumer will never have them.\n", strings.ToUpper(vague), strings.ToUpper(events(skipped)))
	}
	return text.String()
}

// Err returns the reasons of the steps that are refused or failed, or nil. It is what makes a dry run fail.
func (p Plan) Err() error {
	var errs []error
	for _, s := range p.Steps {
		err := s.Err
		if err == nil && (s.Action == Refuse || s.Action == Failed) {
			err = errors.New(s.Why) // of a plan that was JSON in between
		}
		if err != nil {
			errs = append(errs, errors.Wrap(err, s.where()))
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

func (s Step) where() string {
	if s.Topic == "" {
		return "-"
	}
	return fmt.Sprintf("%s/%d", s.Topic, s.Partition)
}

func (s Step) oldText() string {
	if s.OldState == None {
		return "-"
	}
	return cursorText(s.Old)
}

func (s Step) newText() string {
	switch {
	case s.Action == Refuse, s.Action == Delete, s.Action == Deleted, s.Action == Keep && s.OldState == None:
		return "-"
	}
	return cursorText(s.New)
}

// cursorText makes the cursor "" visible.
func cursorText(cursor string) string {
	if cursor == "" {
		return "start"
	}
	return oneLine(cursor)
}

func number(n int64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
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
