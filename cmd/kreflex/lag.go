package main

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/cursoradmin"
)

// lagCommand says how far consumers are behind.
type lagCommand struct {
	cursorsTarget
	outputFlags

	Names []string      `arg:"" optional:"" name:"consumer-and-topic" help:"Names of consumers, and the topic last: billing orders, billing shipping orders. With --all a topic, or nothing."`
	All   bool          `help:"All consumers that have cursors."`
	Watch time.Duration `help:"Say it again at this interval, until interrupted." placeholder:"INTERVAL"`
}

// Help is shown below the flags.
func (*lagCommand) Help() string {
	return `END is the last stable offset, up to which consumers can have events, and HIGH-WATERMARK is above it while a transaction is open. LAG is END - NEXT, of what the log still has.

It is what kafka-consumer-groups shows for a group that has committed NEXT, the cursor's offset and one more, but for three things: that counts up to the high watermark; it counts what retention has removed; and it shows nothing for a partition without a commit. Markers of transactions have offsets and count in both: behind one that is last, a consumer that has all has a lag of 1.

STATE is as in 'cursors list', or none where a consumer has no cursor yet.

` + cursorsCodes
}

// Run says it, once or until ctx ends.
func (c *lagCommand) Run(ctx context.Context, std stdio) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	return c.withAdmin(ctx, func(admin *cursoradmin.Admin) error {
		if err := c.look(ctx, std, admin, filter); err != nil || c.Watch == 0 {
			return stoppedOr(ctx, err)
		}
		ticker := time.NewTicker(c.Watch)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
			if !c.isJSON() {
				if _, err := fmt.Fprintln(std.out); err != nil {
					return err
				}
			}
			if err := c.look(ctx, std, admin, filter); err != nil {
				return stoppedOr(ctx, err)
			}
		}
	})
}

func (c *lagCommand) filter() (cursoradmin.Filter, error) {
	var filter cursoradmin.Filter
	last := len(c.Names) - 1
	switch {
	case c.Watch < 0:
		return filter, errors.Wrap(errBadFlag, "--watch must be positive")
	case c.All && len(c.Names) > 1:
		return filter, errors.Wrap(errBadFlag, "--all takes no consumers, and one topic or none")
	case !c.All && len(c.Names) < 2:
		return filter, errors.Wrap(errBadFlag, "give a consumer and a topic, or --all")
	}
	if last >= 0 {
		filter.Consumers, filter.Topic = c.Names[:last], c.Names[last]
	}
	return filter, nil
}

// look prints how it is now.
func (c *lagCommand) look(ctx context.Context, std stdio, admin *cursoradmin.Admin, filter cursoradmin.Filter) error {
	standings, err := admin.Lag(ctx, filter)
	if err != nil {
		return err
	}
	if c.isJSON() {
		return cursoradmin.WriteStandings(std.out, standings)
	}
	rows := [][]string{{"CONSUMER", "TOPIC", "PARTITION", "NEXT", "END", "HIGH-WATERMARK", "LAG", "STATE", "WHY"}}
	var total, unknown int64
	for _, s := range standings {
		rows = append(rows, []string{
			s.Consumer, dash(s.Topic), fmt.Sprint(s.Partition), offsetText(s.Next), offsetText(s.End), offsetText(s.HighWatermark),
			offsetText(s.Lag), string(s.State), s.Why,
		})
		total += max(s.Lag, 0)
		if s.Lag < 0 {
			unknown++
		}
	}
	if err := printTable(std.out, rows); err != nil {
		return err
	}
	text := fmt.Sprintf("total lag: %d", total)
	if unknown > 0 {
		text += fmt.Sprintf(", and %d that are not known", unknown)
	}
	_, err = fmt.Fprintln(std.out, text)
	return err
}
