package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/kreflex/kreflex/internal/tally"
)

// report ends the demo: what was counted, and which promises were broken.
func (s *screen) report(r tally.Result, flushInterval, slack time.Duration) {
	s.line("\n%s", table(r, flushInterval, slack))
	if r.OK() {
		s.line("All promises were kept.")
		return
	}
	for _, broken := range r.Violations() {
		s.line("BROKEN: %s", broken)
	}
}

// The columns of the table.
const (
	rowName   = "%-28s"
	rowNumber = "%12s"
)

func table(r tally.Result, flushInterval, slack time.Duration) string {
	var b strings.Builder
	row := func(name string, cells ...string) {
		_, _ = fmt.Fprintf(&b, rowName, name)
		for _, cell := range cells {
			_, _ = fmt.Fprintf(&b, rowNumber, cell)
		}
		b.WriteByte('\n')
	}
	for _, line := range []struct {
		name  string
		value int
	}{
		{"published", r.Published},
		{"consumed", r.Consumed},
		{"redelivered", r.Redelivered},
		{"lost", r.Lost},
		{"order violations", r.OutOfOrder},
		{"cursor ahead of the work", r.CursorAhead},
		{"altered or made up", r.Altered + r.Unknown},
	} {
		row(line.name, count(line.value))
	}
	if r.Crashes() == 0 {
		return b.String()
	}

	again, bound := r.RedeliveredPerCrash(), r.BoundPerCrash()
	b.WriteByte('\n')
	row("per crash, of "+count(r.Crashes()), "min", "median", "max")
	row("redelivered", count(again.Min), count(again.Median), count(again.Max))
	row("bound", count(bound.Min), count(bound.Median), count(bound.Max))
	_, _ = fmt.Fprintf(&b, "\nThe bound of a crash is what was consumed in the last %s before it (flush interval), plus %s (timers\n"+
		"may be late), plus what its last writes of the cursor were in flight (up to %s), and one event in hand.\n"+
		"The oldest event that came again had been consumed %s before. Crashes over their bound: %d.\n",
		millis(flushInterval), millis(slack), millis(r.LongestInFlight()), millis(r.OldestRedelivered()), r.OverBound)
	return b.String()
}
