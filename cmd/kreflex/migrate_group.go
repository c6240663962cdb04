package main

import (
	"context"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/migrate"
)

// migrateGroupCommand moves the offset of a consumer group.
type migrateGroupCommand struct {
	migrateTarget
	migrateMove

	Group     string  `required:"" help:"Consumer group."`
	Consumer  string  `required:"" help:"Name of the consumer, under which its cursor is kept."`
	Topic     string  `required:"" help:"Topic of the events."`
	Partition []int32 `help:"Partitions of the topic." default:"0"`
	Back      bool    `help:"Commit the cursor of the consumer to the group instead."`
}

// Help is shown below the flags.
func (*migrateGroupCommand) Help() string {
	return `A group commits the next offset to read, a cursor is the last one that was consumed: committed 8 is cursor 7. The members of the group must have stopped, both ways. Without --apply it says what would be done.

Examples:

  kreflex migrate group --brokers localhost:9092 --group billing --topic orders --consumer billing --partition 0,1,2
  kreflex migrate group --brokers localhost:9092 --group billing --topic orders --consumer billing --back --apply

` + migrateExitCodes
}

// Run moves the offsets of all partitions, or says what it would do. Partitions before one that fails are moved.
func (c *migrateGroupCommand) Run(ctx context.Context, std stdio) error {
	for _, partition := range c.Partition {
		if err := c.validate(partition); err != nil {
			return err
		}
	}
	return c.withStore(ctx, c.migrateTarget, func(store *kafkacursor.Store) error {
		for _, partition := range c.Partition {
			group := migrate.Group(c.kafka(), c.Group, c.Topic, partition)
			from, to := group, c.topic(store, c.Topic, partition)
			if c.Back {
				from, to = to, from
			}
			mover := migrate.NewMover(from, migrate.Same(c.kafka(), c.Topic, partition), to, c.options()...)
			if err := move(ctx, std, c.migrateTarget, mover, []string{c.Consumer}); err != nil {
				return err
			}
		}
		return nil
	})
}
