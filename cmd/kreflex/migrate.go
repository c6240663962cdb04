package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/migrate"
)

// migrateCommand moves a stream and its consumers to Kafka. Nothing is changed without --apply.
type migrateCommand struct {
	Events  migrateEventsCommand  `cmd:"" help:"Copy a stream of events into a partition, exactly once and in order."`
	Cursors migrateCursorsCommand `cmd:"" help:"Move exported cursors to the copies of their events."`
	Group   migrateGroupCommand   `cmd:"" help:"Move the committed offset of a consumer group to a cursor, or back."`
}

// migrateTarget are the flags that all of them have.
type migrateTarget struct {
	Brokers []string      `required:"" help:"Kafka brokers, host:port." placeholder:"HOST:PORT"`
	Apply   bool          `help:"Do it. Without, it is only said what would be done."`
	JSON    bool          `name:"json" help:"Print JSON instead of text."`
	Timeout time.Duration `help:"How long to try to reach the brokers." default:"10s"`
}

func (t migrateTarget) kafka() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(t.Brokers...)} }

func (t migrateTarget) validate(partition int32) error {
	if partition < 0 {
		return errors.Wrap(errBadFlag, "--partition must not be negative")
	}
	if t.Timeout < time.Second {
		return errors.Wrap(errBadFlag, "--timeout must be at least 1s")
	}
	return nil
}

// migrateExitCodes is part of the help of each of them.
const migrateExitCodes = `Exit codes: 0 done, or a dry run that finds nothing in the way; 1 something unforeseen; 2 the command line or the file is wrong; 3 it can't be done until somebody decides; 5 it can't be done now, try again; 6 another copy took over.`

// printPlan prints what a dry run found, or what was done.
func (t migrateTarget) printPlan(std stdio, plan migrate.Plan) error {
	if !t.JSON {
		_, err := fmt.Fprint(std.out, plan)
		return err
	}
	return json.NewEncoder(std.out).Encode(plan)
}

// hint says how a dry run becomes more, where the text is for people.
func (t migrateTarget) hint(std stdio) {
	if !t.Apply && !t.JSON {
		// On the other stream, so that a script reads nothing but the plan.
		_, _ = fmt.Fprintln(std.err, "Nothing was changed. Do it with --apply.")
	}
}
