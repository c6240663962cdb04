package main

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
)

// cursorsCommand looks at cursors and moves them. Nothing is changed without --apply.
type cursorsCommand struct {
	List   cursorsListCommand   `cmd:"" help:"List cursors and how far behind they are."`
	Show   cursorsShowCommand   `cmd:"" help:"Show all about the cursors of a consumer in a topic."`
	Reset  cursorsResetCommand  `cmd:"" help:"Set cursors to the start, the end, an offset, a time, those of another consumer, or saved ones."`
	Copy   cursorsCopyCommand   `cmd:"" help:"Set the cursors of a consumer to those of another one."`
	Delete cursorsDeleteCommand `cmd:"" help:"Remove cursors, so that the consumer begins at the start."`
}

// cursorsTarget are the flags that say where cursors are.
type cursorsTarget struct {
	Brokers          []string      `required:"" help:"Kafka brokers, host:port." placeholder:"HOST:PORT"`
	Cursors          string        `help:"Topic of the cursors." default:"cursors"`
	CursorPartitions int32         `help:"How many partitions that topic has." default:"1"`
	Timeout          time.Duration `help:"How long to try to reach the brokers." default:"10s"`
}

func (t cursorsTarget) kafka() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(t.Brokers...)} }

// withAdmin calls fn with the topic of cursors open, which is never created here.
func (t cursorsTarget) withAdmin(ctx context.Context, fn func(*cursoradmin.Admin) error, options ...cursoradmin.Option) (err error) {
	if t.Timeout < time.Second {
		return errors.Wrap(errBadFlag, "--timeout must be at least 1s")
	}
	store, err := kafkacursor.Open(ctx, t.kafka(), t.Cursors,
		kafkacursor.WithoutCreate(), kafkacursor.WithTimeout(t.Timeout), kafkacursor.WithPartitions(t.CursorPartitions))
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	return fn(cursoradmin.New(t.kafka(), store, append(options, cursoradmin.WithTimeout(t.Timeout))...))
}

// cursorsChange are the flags of those that change cursors.
type cursorsChange struct {
	cursorsTarget
	outputFlags

	Apply bool   `help:"Do it. Without, it is only said what would be done."`
	Force bool   `help:"Also under a consumer that is at work: its run ends, and the next goes on from the new cursor."`
	Group string `help:"Consumer group whose members run the consumer. By default the one of its name, if there is one."`
	Exact bool   `help:"Count events by reading them, however many they are. By default up to 100 000 in a partition."`
}

// everyEvent is more than a log has.
const everyEvent = 1<<63 - 1

func (c cursorsChange) options() []cursoradmin.Option {
	options := []cursoradmin.Option{cursoradmin.WithGroup(c.Group)}
	if c.Force {
		options = append(options, cursoradmin.WithForce())
	}
	if c.Exact {
		options = append(options, cursoradmin.WithCountLimit(everyEvent))
	}
	return options
}

// change plans, and applies the plan if that was asked for. It fails if anything is not done that should be.
func (c cursorsChange) change(
	ctx context.Context, std stdio, plan func(*cursoradmin.Admin) (cursoradmin.Plan, error), options ...cursoradmin.Option,
) error {
	return c.withAdmin(ctx, func(admin *cursoradmin.Admin) error {
		planned, err := plan(admin)
		if err != nil {
			return stoppedOr(ctx, err)
		}
		if !c.Apply {
			if err := c.printPlan(std, planned); err != nil {
				return err
			}
			err := planned.Err()
			if err == nil {
				c.hint(std, "Do it with --apply.")
			} else {
				c.hint(std, "")
			}
			return err
		}
		report, err := admin.Apply(ctx, planned)
		if printErr := c.printPlan(std, cursoradmin.Plan(report)); err == nil {
			err = printErr
		}
		if !report.Tried() {
			c.hint(std, "")
		}
		if reportErr := report.Err(); reportErr != nil {
			return reportErr
		}
		return err
	}, append(c.options(), options...)...)
}

// cursorsExitCodes is part of the help of each that changes cursors.
const cursorsExitCodes = `A consumer that is at work is refused: one whose consumer group has members, or whose cursor is written while we look. An owner that has nothing to do can't be seen. It may have what comes next once more, and then its run ends: nothing is lost.

Nothing is changed if anything of it is refused. If a write fails, the others are made all the same, and each partition says what became of it.

` + cursorsCodes

const cursorsCodes = `Exit codes: 0 done, or a dry run that finds nothing in the way; 1 something unforeseen; 2 the command line or the file is wrong; 3 it can't be done until somebody decides; 5 it can't be done now, such as while the consumer runs: try again; 6 somebody else set the cursor at the same time.`
