package main

import (
	"context"

	"github.com/kreflex/kreflex/cursoradmin"
)

// cursorsDeleteCommand removes cursors.
type cursorsDeleteCommand struct {
	cursorsChange

	Consumer string     `arg:"" help:"Name of the consumer."`
	Place    topicPlace `arg:"" name:"topic" optional:"" help:"Topic of the events, or some of its partitions: orders, orders/0, orders/0,2. Without it all cursors of the consumer."`
}

// Help is shown below the flags.
func (*cursorsDeleteCommand) Help() string {
	return `Without --apply it says what would be done. A consumer without a cursor begins at the start: all that the log has comes again. The topic of the events needn't be there any more.

` + cursorsExitCodes
}

// Run removes them, or says what it would do.
func (c *cursorsDeleteCommand) Run(ctx context.Context, std stdio) error {
	return c.change(ctx, std, func(admin *cursoradmin.Admin) (cursoradmin.Plan, error) {
		return admin.PlanDelete(ctx, c.Consumer, c.Place.topic, c.Place.partitions)
	})
}
