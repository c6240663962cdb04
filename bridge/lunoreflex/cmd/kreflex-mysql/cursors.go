package main

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/migrate"
)

type cursorsCommand struct {
	place
	cursorsTable
	Cursors   string        `default:"cursors" help:"The topic of cursors to move them to."`
	Wait      time.Duration `default:"10s" help:"How long to wait for the copy to come as far as a consumer is."`
	Force     bool          `help:"Move consumers back too, and overwrite cursors that can't be understood."`
	Consumers []string      `arg:"" optional:"" help:"The consumers to move. They must be stopped. By default all of the table."`
}

// Run moves the cursors, or says what would become of them.
func (c *cursorsCommand) Run(ctx context.Context, out output) (err error) {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	consumers := c.Consumers
	if len(consumers) == 0 {
		if consumers, err = c.consumers(ctx, db); err != nil {
			return err
		}
	}
	to, closeTo, err := c.target(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeTo()) }()

	moveOptions := []migrate.MoveOption{migrate.WithWait(c.Wait)}
	if c.Force {
		moveOptions = append(moveOptions, migrate.WithForce())
	}
	mover := migrate.NewMover(migrate.Store(lunoreflex.FromLunoCursors(c.rsql().ToStore(db))),
		migrate.Copied(c.kafka(), c.Topic, c.Partition), to, moveOptions...)
	plan, err := mover.Plan(ctx, consumers...)
	if err != nil {
		return err
	}
	if !c.Apply {
		_, _ = fmt.Fprint(out, plan, "Nothing was changed. Add --apply to move.\n")
		return plan.Err()
	}
	done, err := mover.Apply(ctx, plan)
	_, _ = fmt.Fprint(out, done)
	if err != nil {
		return err
	}
	return done.Err()
}

// target returns where the cursors are moved to, and a function to be called at the end. A dry run creates no topic.
func (c *cursorsCommand) target(ctx context.Context, out output) (to migrate.SettableCursors, end func() error, err error) {
	var options []kafkacursor.Option
	if !c.Apply {
		options = append(options, kafkacursor.WithoutCreate())
	}
	store, err := kafkacursor.Open(ctx, c.kafka(), c.Cursors, options...)
	if !c.Apply && errors.Is(err, kafkacursor.ErrUnknownTopic) {
		_, _ = fmt.Fprintf(out, "The topic of cursors %s would be created.\n", c.Cursors)
		return noCursors{}, func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return migrate.Topic(store, c.Topic, c.Partition), store.Close, nil
}

// noCursors is a topic of cursors that is not there yet.
type noCursors struct{}

func (noCursors) Cursor(context.Context, string) (string, error) { return "", nil }

func (noCursors) MoveCursor(context.Context, string, string) error {
	return errors.New("a dry run moves nothing")
}
