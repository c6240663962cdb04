package main

import (
	"context"
	"fmt"
	"time"

	"github.com/kreflex/kreflex/cursoradmin"
)

// cursorsListCommand lists cursors.
type cursorsListCommand struct {
	cursorsTarget
	outputFlags

	Consumer []string `help:"Only those of this consumer." placeholder:"NAME" sep:"none"`
	Topic    string   `help:"Only those in this topic."`
}

// Help is shown below the flags.
func (*cursorsListCommand) Help() string {
	return `NEXT is the offset that the consumer has next, END where the log ends for consumers, LAG what is between. AGE is how long ago the cursor was written. Records that are not cursors are listed too, and why.

What --output json prints can be given to 'cursors reset --from-file'.

STATE says: ok; expired, beyond end, recreated: the consumer can't go on until somebody decides; no topic, unreadable: its topic is gone or can't be asked; unbound: the cursor doesn't say of which topic it is; corrupt: it is none.

` + cursorsCodes
}

// Run lists them.
func (c *cursorsListCommand) Run(ctx context.Context, std stdio) error {
	return c.withAdmin(ctx, func(admin *cursoradmin.Admin) error {
		standings, err := admin.List(ctx, cursoradmin.Filter{Consumers: c.Consumer, Topic: c.Topic})
		if err != nil {
			return stoppedOr(ctx, err)
		}
		if c.isJSON() {
			return cursoradmin.WriteStandings(std.out, standings)
		}
		now := time.Now()
		rows := [][]string{{"CONSUMER", "TOPIC", "PARTITION", "CURSOR", "NEXT", "START", "END", "LAG", "AGE", "EPOCH", "OWNER", "STATE", "WHY"}}
		for _, s := range standings {
			rows = append(rows, []string{
				s.Consumer, dash(s.Topic), fmt.Sprint(s.Partition), standingCursor(s),
				offsetText(s.Next), offsetText(s.Start), offsetText(s.End), offsetText(s.Lag),
				ageText(s.Written, now), fmt.Sprint(s.Epoch), dash(s.Owner), string(s.State), s.Why,
			})
		}
		return printTable(std.out, rows)
	})
}

// standingCursor makes the cursor "" visible.
func standingCursor(s cursoradmin.Standing) string {
	switch {
	case s.State == cursoradmin.None:
		return "-"
	case s.Cursor == "":
		return "start"
	}
	return s.Cursor
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
