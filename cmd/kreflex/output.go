package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kreflex/kreflex/cursoradmin"
)

// outputFlags say in which form something is printed.
type outputFlags struct {
	Output string `help:"Form of what is printed: table, or json, which is one object on each line." enum:"table,json" default:"table" short:"o"`
	JSON   bool   `name:"json" help:"Short for --output json."`
}

func (o outputFlags) isJSON() bool { return o.JSON || o.Output == "json" }

// printPlan prints what a dry run found, or what was done.
func (o outputFlags) printPlan(std stdio, plan cursoradmin.Plan) error {
	if !o.isJSON() {
		_, err := fmt.Fprint(std.out, plan)
		return err
	}
	encoder := json.NewEncoder(std.out)
	encoder.SetEscapeHTML(false)
	for _, s := range plan.Steps {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// hint says that nothing was changed and perhaps what to do, where the text is for people.
func (o outputFlags) hint(std stdio, do string) {
	if !o.isJSON() {
		// On the other stream, so that a script reads nothing but the plan.
		_, _ = fmt.Fprintln(std.err, strings.TrimSpace("Nothing was changed. "+do))
	}
}

// printTable prints rows below each other, the first of which is the head.
func printTable(out io.Writer, rows [][]string) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = strings.Join(strings.Fields(cell), " ") // names of others must not break it
		}
		// A strings.Builder takes all that is written to it.
		_, _ = fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	_ = table.Flush()
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// offsetText is an offset, or a dash where there is none.
func offsetText(n int64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// ageText is how long ago something was, as exact as people need it.
func ageText(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	const day = 24 * time.Hour
	switch age := max(now.Sub(at), 0); {
	case age < time.Minute:
		return fmt.Sprintf("%ds", int(age.Seconds()))
	case age < time.Hour:
		return fmt.Sprintf("%dm", int(age.Minutes()))
	case age < 2*day:
		return fmt.Sprintf("%dh", int(age.Hours()))
	default:
		return fmt.Sprintf("%dd", int(age/day))
	}
}
