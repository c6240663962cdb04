package main

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// consumeCommand consumes a partition with a durable cursor.
type consumeCommand struct {
	Brokers   []string `required:"" help:"Kafka brokers, host:port." placeholder:"HOST:PORT"`
	Topic     string   `required:"" help:"Topic of the events."`
	Partition int32    `help:"Partition of the topic." default:"0"`
	Consumer  string   `required:"" help:"Name under which the cursor is kept."`
	Cursors   string   `help:"Topic of the cursors; created if it is missing." default:"cursors"`

	Exec      string        `help:"Command for sh -c, run for each event with the event as JSON on its standard input and in KREFLEX_ID, KREFLEX_TYPE, KREFLEX_FOREIGN_ID and others. Without it events are printed." placeholder:"COMMAND"`
	Batch     int           `help:"Run the command once for up to so many events, one on each line; KREFLEX_COUNT, KREFLEX_FIRST_ID and KREFLEX_LAST_ID tell which." default:"1"`
	BatchWait time.Duration `help:"How long to wait for a batch to fill up." default:"1s"`
	Grace     time.Duration `help:"How long the event in hand may take when consume is asked to stop." default:"10s"`

	Timeout time.Duration `help:"How long to try to reach the brokers." default:"10s"`

	FromHead bool `help:"Ignore the cursor and start with what comes from now on."`
	ToHead   bool `help:"Stop when no more events are available."`

	Decoder string         `help:"Format of the records: envelope (kreflex's own), plain, header:NAME (plain, and the type in a header), cloudevents, debezium." default:"envelope"`
	Types   map[string]int `help:"Numbers for the names of types, of the decoders header, cloudevents and debezium." placeholder:"NAME=NUMBER"`
	Fenced  bool           `help:"Refuse the cursor of a former instance that is still at work; each write is a transaction."`
}

// Help is shown below the flags.
func (*consumeCommand) Help() string {
	return `The cursor is stored after the command has exited with 0, or the event was printed. Anything else leaves it before the event, which comes again next time.

Exit codes: 0 the head was reached or it was asked to stop; 1 something unforeseen; 2 the command line is wrong; 3 the stream or the cursor can't go on until somebody decides; 4 the command failed; 5 the brokers can't be reached, try again; 6 another instance took the consumer over.`
}

// Run consumes until the head, if that was asked for, or until ctx ends.
func (c *consumeCommand) Run(ctx context.Context, std stdio) (err error) {
	decoder, err := c.validate()
	if err != nil {
		return err
	}
	// What is in hand when ctx ends may be finished; work ends that much later.
	work, cancel := graceful(ctx, c.Grace)
	defer cancel()

	kafka := []kgo.Opt{kgo.SeedBrokers(c.Brokers...)}
	options := []kafkacursor.Option{kafkacursor.WithTimeout(c.Timeout)}
	if c.Fenced {
		options = append(options, kafkacursor.WithFencing(fencingPrefix))
	}
	store, err := kafkacursor.Open(ctx, kafka, c.Cursors, options...)
	if err != nil {
		return stoppedOr(ctx, err)
	}
	defer func() {
		// What is wrong with storing the cursor, Run's own end has said already.
		if closeErr := store.Close(); closeErr != nil && err == nil {
			err = &reflex.CleanupError{Close: closeErr}
		}
	}()

	log := kafkastream.NewPartition(kafka, c.Topic, c.Partition, kafkastream.WithDecoder(decoder), kafkastream.WithOpenTimeout(c.Timeout))
	stream := stopping(ctx, log.Stream)
	err = c.consume(work, stream, store.For(log), c.sink(std))
	if finished(err, ctx.Err() != nil) {
		return nil
	}
	return errors.Wrap(err, fmt.Sprintf("consume %s/%d as %s", c.Topic, c.Partition, c.Consumer))
}

// fencingPrefix keeps the transactional ids of the command line apart from others.
const fencingPrefix = "kreflex-"

// consume runs until the first error.
func (c *consumeCommand) consume(ctx context.Context, stream reflex.StreamFunc, cursors reflex.CursorStore, sink sink) error {
	var options []reflex.StreamOption
	if c.FromHead {
		options = append(options, reflex.WithStreamFromHead())
	}
	if c.ToHead {
		options = append(options, reflex.WithStreamToHead())
	}
	if c.Batch > 1 {
		return batches{
			stream: stream, cursors: cursors, name: c.Consumer, options: options,
			size: c.Batch, wait: c.BatchWait, sink: sink,
		}.run(ctx)
	}
	consumer := reflex.NewConsumer(c.Consumer, func(ctx context.Context, e *reflex.Event) error {
		return sink.take(ctx, []*reflex.Event{e})
	}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
	return reflex.Run(ctx, reflex.NewSpec(stream, cursors, consumer, options...))
}

func (c *consumeCommand) validate() (kafkastream.Decoder, error) {
	switch {
	case c.Batch < 1:
		return nil, errors.Wrap(errBadFlag, "--batch must be at least 1")
	case c.BatchWait <= 0:
		return nil, errors.Wrap(errBadFlag, "--batch-wait must be positive")
	case c.Grace < 0:
		return nil, errors.Wrap(errBadFlag, "--grace must not be negative")
	case c.Partition < 0:
		return nil, errors.Wrap(errBadFlag, "--partition must not be negative")
	case c.Consumer == "":
		return nil, errors.Wrap(errBadFlag, "--consumer must not be empty")
	}
	return decoderOf(c.Decoder, c.Types)
}

func (c *consumeCommand) sink(std stdio) sink {
	if c.Exec == "" {
		return &printer{out: std.out, topic: c.Topic, partition: c.Partition}
	}
	return &executor{
		command: c.Exec, consumer: c.Consumer, topic: c.Topic, partition: c.Partition,
		out: std.out, err: std.err,
	}
}

// stoppedOr returns nil if ctx ended, which was asked for, and err otherwise.
func stoppedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}
