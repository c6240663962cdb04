package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/migrate"
)

// migrateMove are the flags of those who move cursors.
type migrateMove struct {
	Cursors string `help:"Topic of the cursors; --apply creates it if it is missing." default:"cursors"`
	Force   bool   `help:"Move consumers back too, and replace cursors that can't be understood."`
}

// migrateCursorsCommand moves exported cursors through a copy.
type migrateCursorsCommand struct {
	migrateTarget
	migrateMove

	File      string        `required:"" help:"Export of the cursors, - is standard input." placeholder:"FILE"`
	Consumer  []string      `help:"Move only these. By default all that the export has." placeholder:"NAME"`
	Topic     string        `required:"" help:"Topic that the events were copied into."`
	Partition int32         `help:"Partition of that topic." default:"0"`
	Wait      time.Duration `help:"How long to wait for events that are not copied yet."`
	Repeats   bool          `help:"Move consumers whose event is not copied to the last that is; what is in between comes again."`
}

// Help is shown below the flags.
func (*migrateCursorsCommand) Help() string {
	return `Stop a consumer, let it flush its cursor, export and move that, then start the consumer on Kafka: it goes on with the event after it. Without --apply it says what would be done.

The export is JSON: {"billing": "17", "shipping": 12}, or one {"consumer": "billing", "cursor": "17"} for each.

Examples:

  mysql -BNe 'select json_object("consumer", id, "cursor", last_event_id) from cursors' shop > cursors.json
  kreflex migrate cursors --brokers localhost:9092 --topic orders --file cursors.json
  kreflex migrate cursors --brokers localhost:9092 --topic orders --file cursors.json --consumer billing --apply

` + migrateExitCodes
}

// Run moves the cursors, or says what it would do.
func (c *migrateCursorsCommand) Run(ctx context.Context, std stdio) error {
	if err := c.validate(c.Partition); err != nil {
		return err
	}
	cursors, err := c.read(std)
	if err != nil {
		return err
	}
	consumers := c.Consumer
	if len(consumers) == 0 {
		consumers = slices.Sorted(maps.Keys(cursors))
	}
	for _, name := range consumers {
		if _, ok := cursors[name]; !ok {
			return errors.Wrap(errBadFlag, fmt.Sprintf("--consumer %s: there is no such consumer in %s", name, c.File))
		}
	}
	options := append(c.options(), migrate.WithWait(c.Wait))
	if c.Repeats {
		options = append(options, migrate.WithRepeats())
	}
	return c.withStore(ctx, c.migrateTarget, func(store *kafkacursor.Store) error {
		mover := migrate.NewMover(migrate.Map(cursors), migrate.Copied(c.kafka(), c.Topic, c.Partition), c.topic(store, c.Topic, c.Partition), options...)
		return move(ctx, std, c.migrateTarget, mover, consumers)
	})
}

func (c *migrateCursorsCommand) read(std stdio) (map[string]string, error) {
	in := std.in
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, errors.Wrap(errBadFlag, "--file: "+err.Error())
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	cursors, err := migrate.ReadCursors(in)
	return cursors, errors.Wrap(err, c.File)
}

func (m migrateMove) options() []migrate.MoveOption {
	if m.Force {
		return []migrate.MoveOption{migrate.WithForce()}
	}
	return nil
}

// withStore opens the topic of cursors. A dry run doesn't create it: then there are none, and
// store is nil.
func (m migrateMove) withStore(ctx context.Context, target migrateTarget, fn func(*kafkacursor.Store) error) (err error) {
	options := []kafkacursor.Option{kafkacursor.WithTimeout(target.Timeout)}
	if !target.Apply {
		options = append(options, kafkacursor.WithoutCreate())
	}
	store, err := kafkacursor.Open(ctx, target.kafka(), m.Cursors, options...)
	if !target.Apply && errors.Is(err, kafkacursor.ErrUnknownTopic) {
		return fn(nil)
	}
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	return fn(store)
}

// topic returns the cursors in the topic, or those of a topic that isn't there.
func (migrateMove) topic(store *kafkacursor.Store, topic string, partition int32) migrate.SettableCursors {
	if store == nil {
		return noCursors{migrate.Map(nil)}
	}
	return migrate.Topic(store, topic, partition)
}

// noCursors is a topic of cursors that --apply would create.
type noCursors struct{ migrate.Cursors }

// MoveCursor is not called by a dry run.
func (noCursors) MoveCursor(context.Context, string, string) error {
	return kafkacursor.ErrUnknownTopic
}

// move plans, and applies the plan if that was asked for. It fails if a consumer is not moved that should be.
func move(ctx context.Context, std stdio, target migrateTarget, mover *migrate.Mover, consumers []string) error {
	plan, err := mover.Plan(ctx, consumers...)
	if err != nil {
		return err
	}
	if !target.Apply {
		if err := target.printPlan(std, plan); err != nil {
			return err
		}
		target.hint(std)
		return plan.Err()
	}
	report, err := mover.Apply(ctx, plan)
	if printErr := target.printPlan(std, migrate.Plan(report)); err == nil {
		err = printErr
	}
	if err != nil {
		return err
	}
	return report.Err()
}
