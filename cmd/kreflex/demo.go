package main

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/tally"
)

// demoCommand publishes events, consumes them through crashes, and counts.
type demoCommand struct {
	Brokers []string `help:"Kafka brokers, host:port. Without them the demo brings a broker of its own, in memory." placeholder:"HOST:PORT"`
	Topic   string   `help:"Topic to create for the events; it must not exist. A new name by default."`
	Cursors string   `help:"Topic for the cursors; created if it is missing. A new name by default."`
	Keep    bool     `help:"Keep the topics that the demo created on your brokers."`

	File     string `help:"Publish the events of a file, one JSON object on each line; - is standard input." xor:"events" placeholder:"PATH"`
	Sample   bool   `help:"Publish the sample of some orders." xor:"events"`
	Generate int    `help:"Publish so many generated events; 100000 unless told otherwise." xor:"events" placeholder:"N"`

	Rate  float64 `help:"Events to consume in a second; 0 chooses, so that there is something to see." default:"0"`
	Kill  bool    `help:"Run the consumer as a process of its own, and kill it (SIGKILL) again and again."`
	Kills int     `help:"How often to kill, spread over the stream." default:"20"`
	Seed  uint64  `help:"Seed of the random moments at which to kill; 0 is a new one. It is printed."`

	FlushInterval time.Duration `help:"How often the cursor is written." default:"100ms"`
	Slack         time.Duration `help:"How late a timer of this machine may be. A crash may repeat what was consumed in the flush interval before it, while the last writes of the cursor were in flight, and in this time." default:"50ms"`
}

var (
	errBadFlag = errors.New("the command line makes no sense", j.C("ERR_d28fb70e45c9a316"))
	// errVerdict says that the demo broke a promise. The report says which.
	errVerdict = errors.New("a promise was broken, see above", j.C("ERR_6c30be95f1d7a284"))
)

const (
	demoConsumer = "demo"
	// demoPartition is the only one.
	demoPartition = 0
)

// Run is the demo.
func (c *demoCommand) Run(ctx context.Context, std stdio) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	events, err := c.events(ctx, std.in)
	if err != nil {
		return err
	}
	stage, err := c.openStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()

	show := newScreen(std.out)
	show.line("On %s: events in topic %s, cursors in topic %s.", stage.name, stage.topic, stage.cursors)
	published, err := publish(ctx, stage, events, show)
	if err != nil {
		return err
	}

	var lives []tally.Life
	if c.Kill {
		lives, err = c.killed(ctx, stage, published, show)
	} else {
		lives, err = c.crashed(ctx, stage, published, show)
	}
	if ctx.Err() != nil {
		return errors.Wrap(ctx.Err(), "the demo was stopped before it could count")
	}
	if err != nil {
		return err
	}
	result := tally.Count(published, lives, c.FlushInterval+c.Slack)
	show.report(result, c.FlushInterval, c.Slack)
	if !result.OK() {
		return errVerdict
	}
	return nil
}

func (c *demoCommand) validate() error {
	switch {
	case c.Generate < 0:
		return errors.Wrap(errBadFlag, "--generate must be positive")
	case c.Rate < 0:
		return errors.Wrap(errBadFlag, "--rate must not be negative")
	case c.Kills < 1:
		return errors.Wrap(errBadFlag, "--kills must be positive")
	case c.FlushInterval <= 0 || c.Slack < 0:
		return errors.Wrap(errBadFlag, "--flush-interval must be positive, and --slack not negative")
	}
	return nil
}
