package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/cursoradmin"
)

// cursorsShowCommand shows all about some cursors.
type cursorsShowCommand struct {
	cursorsTarget
	outputFlags

	Consumer string     `arg:"" help:"Name of the consumer."`
	Place    topicPlace `arg:"" name:"topic" help:"Topic of the events, or some of its partitions: orders, orders/0, orders/0,2."`
}

// Help is shown below the flags.
func (*cursorsShowCommand) Help() string { return cursorsCodes }

// Run shows them.
func (c *cursorsShowCommand) Run(ctx context.Context, std stdio) error {
	return c.withAdmin(ctx, func(admin *cursoradmin.Admin) error {
		standings, err := admin.Lag(ctx, cursoradmin.Filter{Consumers: []string{c.Consumer}, Topic: c.Place.topic})
		if err != nil {
			return stoppedOr(ctx, err)
		}
		standings = slices.DeleteFunc(standings, func(s cursoradmin.Standing) bool { return !c.Place.has(s.Partition) })
		if len(standings) == 0 {
			return errors.Wrap(errBadFlag, fmt.Sprintf("%s has no partition %v", c.Place.topic, c.Place.partitions))
		}
		if c.isJSON() {
			return cursoradmin.WriteStandings(std.out, standings)
		}
		for i, s := range standings {
			if i > 0 {
				if _, err := fmt.Fprintln(std.out); err != nil {
					return err
				}
			}
			if err := printTable(std.out, c.rows(s)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *cursorsShowCommand) rows(s cursoradmin.Standing) [][]string {
	state := string(s.State)
	if s.State == cursoradmin.None {
		state = "none: it begins at the start"
	}
	if s.Why != "" {
		state += ": " + s.Why
	}
	rows := [][]string{
		{"consumer", s.Consumer},
		{"partition", fmt.Sprintf("%s/%d", s.Topic, s.Partition)},
		{"cursor", standingCursor(s)},
		{"next", offsetText(s.Next)},
		{"log", fmt.Sprintf("%s to %s, high watermark %s", offsetText(s.Start), offsetText(s.End), offsetText(s.HighWatermark))},
		{"lag", offsetText(s.Lag)},
		{"state", state},
	}
	if s.Record < 0 {
		return rows
	}
	return append(rows, [][]string{
		{"written", fmt.Sprintf("%s, %s ago", s.Written.Format(time.RFC3339), ageText(s.Written, time.Now()))},
		{"epoch", fmt.Sprint(s.Epoch)},
		{"owner", dash(s.Owner)},
		{"record", fmt.Sprintf("offset %d in %s", s.Record, c.Cursors)},
	}...)
}
