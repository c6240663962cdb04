package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/cursoradmin"
)

// cursorsResetCommand sets cursors.
type cursorsResetCommand struct {
	cursorsChange

	Consumer string     `arg:"" help:"Name of the consumer."`
	Place    topicPlace `arg:"" name:"topic" help:"Topic of the events, or some of its partitions: orders, orders/0, orders/0,2."`

	ToStart  bool   `help:"To where the log begins, whenever the consumer comes."`
	ToEnd    bool   `help:"To where the log ends now."`
	ToOffset *int64 `help:"To this offset: its event is the next one." placeholder:"OFFSET"`
	ToTime   string `help:"To the first event of this time or later: 2006-01-02T15:04:05Z, or how long ago, such as 90m." placeholder:"TIME"`
	Like     string `help:"To where another consumer is." placeholder:"CONSUMER"`
	FromFile string `help:"To where it was when 'cursors list --output json' printed this file; - is standard input." placeholder:"FILE"`

	New bool `help:"Also for a consumer that has no cursor in the topic."`
}

// Help is shown below the flags.
func (*cursorsResetCommand) Help() string {
	return `Without --apply it says what would be done: for each partition the old and the new cursor, and how many events come again or are skipped. Stop the consumer first.

The start is stored as "", which is wherever the log begins and never expires. All others say which topic they are of, so that one that is created again is noticed.

Examples:

  kreflex cursors reset billing orders --to-time 2h --brokers localhost:9092
  kreflex cursors reset billing orders/0,2 --to-offset 1200 --brokers localhost:9092 --apply
  kreflex cursors list --consumer billing --output json --brokers localhost:9092 > billing.json
  kreflex cursors reset billing orders --from-file billing.json --brokers localhost:9092 --apply

` + cursorsExitCodes
}

// Run sets them, or says what it would do.
func (c *cursorsResetCommand) Run(ctx context.Context, std stdio) error {
	target, err := c.target(std)
	if err != nil {
		return err
	}
	var options []cursoradmin.Option
	if c.New {
		options = append(options, cursoradmin.WithNewConsumer())
	}
	return c.change(ctx, std, func(admin *cursoradmin.Admin) (cursoradmin.Plan, error) {
		return admin.PlanReset(ctx, c.Consumer, c.Place.topic, c.Place.partitions, target)
	}, options...)
}

// target is where the cursors are to be set: exactly one of the flags says it.
func (c *cursorsResetCommand) target(std stdio) (target cursoradmin.Target, err error) {
	given := 0
	for _, one := range []struct {
		given  bool
		target func() (cursoradmin.Target, error)
	}{
		{c.ToStart, func() (cursoradmin.Target, error) { return cursoradmin.ToStart(), nil }},
		{c.ToEnd, func() (cursoradmin.Target, error) { return cursoradmin.ToEnd(), nil }},
		{c.ToOffset != nil, func() (cursoradmin.Target, error) { return cursoradmin.ToOffset(*c.ToOffset), nil }},
		{c.ToTime != "", func() (cursoradmin.Target, error) {
			at, err := parseTime("--to-time", c.ToTime, time.Now())
			return cursoradmin.ToTime(at), err
		}},
		{c.Like != "", func() (cursoradmin.Target, error) { return cursoradmin.Like(c.Like), nil }},
		{c.FromFile != "", func() (cursoradmin.Target, error) { return c.saved(std) }},
	} {
		if !one.given {
			continue
		}
		given++
		if target, err = one.target(); err != nil {
			return target, err
		}
	}
	if given != 1 {
		return target, errors.Wrap(errBadFlag, "give one of --to-start, --to-end, --to-offset, --to-time, --like and --from-file")
	}
	return target, nil
}

func (c *cursorsResetCommand) saved(std stdio) (cursoradmin.Target, error) {
	in := std.in
	if c.FromFile != "-" {
		file, err := os.Open(c.FromFile)
		if err != nil {
			return cursoradmin.Target{}, errors.Wrap(errBadFlag, "--from-file: "+err.Error())
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	standings, err := cursoradmin.ReadStandings(in)
	if err != nil {
		return cursoradmin.Target{}, errors.Wrap(err, fmt.Sprintf("--from-file %s", c.FromFile))
	}
	return cursoradmin.ToSaved(standings), nil
}
