package main

import (
	"context"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/cursoradmin"
)

// cursorsCopyCommand sets the cursors of a consumer to those of another one.
type cursorsCopyCommand struct {
	cursorsChange

	From  string `arg:"" help:"Name of the consumer that is where the other is to be."`
	To    string `arg:"" help:"Name of the other one, which may be new."`
	Topic string `arg:"" help:"Topic of the events."`
}

// Help is shown below the flags.
func (*cursorsCopyCommand) Help() string {
	return `It is what a consumer that gets another name needs, or a second one that is to go on from where the first is. Without --apply it says what would be done. The first keeps its cursors.

` + cursorsExitCodes
}

// Run copies them, or says what it would do.
func (c *cursorsCopyCommand) Run(ctx context.Context, std stdio) error {
	if c.From == c.To {
		return errors.Wrap(errBadFlag, "a consumer can't be copied to itself")
	}
	return c.change(ctx, std, func(admin *cursoradmin.Admin) (cursoradmin.Plan, error) {
		return admin.PlanCopy(ctx, c.From, c.To, c.Topic)
	})
}
