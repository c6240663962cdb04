package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// tailCommand prints the events of a topic, without any cursor.
type tailCommand struct {
	Brokers []string      `required:"" help:"Kafka brokers, host:port." placeholder:"HOST:PORT"`
	Timeout time.Duration `help:"How long to try to reach the brokers." default:"10s"`

	Topic     string  `arg:"" help:"Topic of the events."`
	Partition []int32 `help:"Only these partitions."`
	From      string  `help:"Where to begin: start, end, an offset, a time such as 2006-01-02T15:04:05Z, or how long ago, such as 90m." default:"start"`
	Follow    bool    `help:"Go on with what comes, until interrupted." short:"f"`
	Max       int     `help:"Stop after so many events; 0 is no limit."`

	Decoder string         `help:"Format of the records: envelope (kreflex's own), plain, header:NAME (plain, and the type in a header), cloudevents, debezium." default:"envelope"`
	Types   map[string]int `help:"Numbers for the names of types, of the decoders header, cloudevents and debezium." placeholder:"NAME=NUMBER"`
}

// Help is shown below the flags.
func (*tailCommand) Help() string {
	return `Each line is an event as 'consume' prints it: JSON that names the topic, the partition, and as id the offset. Of one partition they come in their order; of several, as they arrive. Without --follow it stops where the log ends. No cursor is read or set, so it is in nobody's way. Partitions that are added later are not followed.

Examples:

  kreflex tail orders --brokers localhost:9092 --from 10m
  kreflex tail orders --brokers localhost:9092 --partition 2 --from 1200 --max 1
  kreflex tail orders --brokers localhost:9092 --from end --follow

Exit codes: 0 done, or interrupted; 1 something unforeseen; 2 the command line is wrong; 3 the log can't be read, or an event not decoded, until somebody decides; 4 standard output failed; 5 the brokers can't be reached, try again.`
}

// Run prints until the ends of the logs, or until ctx ends.
func (c *tailCommand) Run(ctx context.Context, std stdio) error {
	decoder, err := c.validate()
	if err != nil {
		return err
	}
	topic := kafkastream.NewTopic([]kgo.Opt{kgo.SeedBrokers(c.Brokers...)}, c.Topic,
		kafkastream.WithDecoder(decoder), kafkastream.WithOpenTimeout(c.Timeout))
	starts, err := tailStarts(ctx, topic, c.Partition, c.From, time.Now())
	if err != nil {
		return stoppedOr(ctx, err)
	}
	// A group whose end is also that of a tail that has printed enough.
	reading, enough := context.WithCancel(ctx)
	defer enough()
	lines := &tailLines{out: std.out, topic: c.Topic, left: c.Max, limited: c.Max > 0, enough: enough}
	group, reading := errgroup.WithContext(reading)
	for _, start := range starts {
		group.Go(func() error { return c.read(reading, topic.Partition(start.partition), start, lines) })
	}
	if err := group.Wait(); err != nil && !lines.done() && stoppedOr(ctx, err) != nil {
		return errors.Wrap(err, "tail "+c.Topic)
	}
	return nil
}

func (c *tailCommand) validate() (kafkastream.Decoder, error) {
	switch {
	case c.Max < 0:
		return nil, errors.Wrap(errBadFlag, "--max must not be negative")
	case c.Timeout <= 0:
		return nil, errors.Wrap(errBadFlag, "--timeout must be positive")
	}
	for _, partition := range c.Partition {
		if partition < 0 {
			return nil, errors.Wrap(errBadFlag, "--partition must not be negative")
		}
	}
	return decoderOf(c.Decoder, c.Types)
}

// read prints the events of a partition.
func (c *tailCommand) read(ctx context.Context, log *kafkastream.Partition, start tailStart, lines *tailLines) error {
	options := start.options
	if !c.Follow {
		options = append(options, reflex.WithStreamToHead())
	}
	stream, err := log.Stream(ctx, start.after, options...)
	if err != nil {
		return err
	}
	defer func() {
		if closer, ok := stream.(io.Closer); ok {
			_ = closer.Close() // what was printed was printed
		}
	}()
	for {
		e, err := stream.Recv()
		if reflex.IsHeadReachedErr(err) {
			return nil
		}
		if err != nil {
			return errors.Wrap(err, fmt.Sprintf("partition %d", start.partition))
		}
		if more, err := lines.take(start.partition, e); err != nil || !more {
			return err
		}
	}
}
