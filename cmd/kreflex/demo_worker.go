package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/reflex"
)

// workerCommand is one life of the demo's consumer as a process of its own, to
// be killed. It journals each event when its work is done, before the cursor is
// set, and says on standard output when it did so first.
type workerCommand struct {
	Brokers       []string `required:""`
	Topic         string   `required:""`
	Cursors       string   `required:""`
	Journal       string   `required:""`
	Rate          float64
	FlushInterval time.Duration `default:"100ms"`
}

// args is the command line that makes the worker of another process this one.
func (c workerCommand) args() []string {
	args := []string{
		"demo-worker",
		"--topic=" + c.Topic, "--cursors=" + c.Cursors, "--journal=" + c.Journal,
		fmt.Sprintf("--rate=%g", c.Rate), "--flush-interval=" + c.FlushInterval.String(),
	}
	for _, broker := range c.Brokers {
		args = append(args, "--brokers="+broker)
	}
	return args
}

// firstEvent is the line that a worker prints.
const firstEvent = "first"

// Run consumes up to the head.
func (c *workerCommand) Run(ctx context.Context, std stdio) (err error) {
	journal, err := tally.OpenJournal(c.Journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()

	first := true
	var unseen atomic.Pointer[error] // a write of the cursor that could not be journaled
	watch := newWriteWatch(c.Cursors, func(w tally.Write) {
		if err := journal.AppendWrite(w); err != nil {
			unseen.CompareAndSwap(nil, &err)
		}
	})
	run := life{
		kafka: []kgo.Opt{kgo.SeedBrokers(c.Brokers...), kgo.WithHooks(watch)},
		topic: c.Topic, cursors: c.Cursors, flushInterval: c.FlushInterval, rate: c.Rate,
		done: func(_ *reflex.Event, at tally.Consumed) error {
			if err := unseen.Load(); err != nil {
				return *err
			}
			if err := journal.Append(at); err != nil {
				return err
			}
			if !first {
				return nil
			}
			first = false
			_, err := io.WriteString(std.out, firstEvent+"\n")
			return err
		},
	}
	store, err := run.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(run.run(ctx, store), store.Close())
}
