package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

// migrateEventsCommand copies a stream into a partition.
type migrateEventsCommand struct {
	migrateTarget

	migrateSource

	ToTopic     string `required:"" help:"Topic to copy into."`
	ToPartition int32  `help:"Partition of that topic." default:"0"`
	Create      bool   `help:"Create the topic if there is none, with one partition and without retention."`
	Replicas    int16  `help:"Replicas of the topic that --create makes; -1 is the brokers' default." default:"-1"`

	Follow          bool `help:"Go on copying at the head of the source, until interrupted."`
	Batch           int  `help:"Events in one transaction at most." default:"5000"`
	FiniteRetention bool `help:"Accept a topic that deletes old events."`
	ManyPartitions  bool `help:"Accept a topic with more than one partition."`
	NoSourceCheck   bool `help:"Go on without comparing the event copied last with the source."`
}

// migrateSource is where events come from.
type migrateSource struct {
	FromGRPC   string `name:"from-grpc" help:"Server of a stream over gRPC, of kreflex or luno/reflex." placeholder:"HOST:PORT"`
	GRPCMethod string `name:"grpc-method" help:"Its method, such as /orderspb.Orders/StreamEvents." default:"${grpcMethod}"`
	Plaintext  bool   `help:"Speak to that server without TLS."`

	FromTopic     string   `help:"Topic to copy from."`
	FromPartition int32    `help:"Partition of that topic." default:"0"`
	FromBrokers   []string `help:"Brokers of that topic, if they are others." placeholder:"HOST:PORT"`
	Decoder       string   `help:"Format of its records: envelope, plain, header:NAME." default:"envelope"`
}

// Help is shown below the flags.
func (*migrateEventsCommand) Help() string {
	return `Without --apply it says after which event the copy would go on, and what is wrong with the topic or the source.

Each copied record has the ID of its event in the source in the header ` + migrate.HeaderSourceID + `. It can be interrupted or killed at any time: the next run goes on where the topic ends, and copies nothing twice. A second run takes the writing over from the first. At trouble that passes it ends with 5, also with --follow: run it again.

Examples:

  kreflex migrate events --brokers localhost:9092 --from-grpc orders:8080 --grpc-method /orderspb.Orders/StreamEvents --to-topic orders --create
  kreflex migrate events --brokers localhost:9092 --from-topic orders --to-topic orders-v2
  kreflex migrate events --brokers localhost:9092 --from-topic orders --to-topic orders-v2 --create --follow --apply

` + migrateExitCodes
}

// open returns the source. Close is to be called when it isn't needed any more.
func (s migrateSource) open(target migrateTarget) (stream reflex.StreamFunc, closeSource func() error, err error) {
	switch {
	case s.FromTopic == "" && s.FromGRPC == "":
		return nil, nil, errors.Wrap(errBadFlag, "there is nothing to copy: give --from-grpc or --from-topic")
	case s.FromTopic != "" && s.FromGRPC != "":
		return nil, nil, errors.Wrap(errBadFlag, "--from-grpc and --from-topic exclude each other")
	case s.FromPartition < 0:
		return nil, nil, errors.Wrap(errBadFlag, "--from-partition must not be negative")
	case s.FromGRPC != "":
		return s.openGRPC()
	}
	stream, err = s.openTopic(target)
	return stream, func() error { return nil }, err
}

func (s migrateSource) openGRPC() (reflex.StreamFunc, func() error, error) {
	security := credentials.NewTLS(nil)
	if s.Plaintext {
		security = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(s.FromGRPC, grpc.WithTransportCredentials(security))
	if err != nil {
		return nil, nil, errors.Wrap(errBadFlag, "--from-grpc: "+err.Error())
	}
	return migrate.GRPC(conn, s.GRPCMethod), conn.Close, nil
}

func (s migrateSource) openTopic(target migrateTarget) (reflex.StreamFunc, error) {
	kafka := target.kafka()
	if len(s.FromBrokers) > 0 {
		kafka = []kgo.Opt{kgo.SeedBrokers(s.FromBrokers...)}
	}
	decoder, err := decoderOf(s.Decoder, nil)
	if err != nil {
		return nil, err
	}
	return kafkastream.NewPartition(kafka, s.FromTopic, s.FromPartition,
		kafkastream.WithDecoder(migrate.Decoder(decoder)), kafkastream.WithOpenTimeout(target.Timeout)).Stream, nil
}

func (c *migrateEventsCommand) options(progress func(migrate.Progress)) []migrate.CopyOption {
	options := []migrate.CopyOption{
		migrate.WithBatchEvents(c.Batch), migrate.WithCopyTimeout(c.Timeout), migrate.WithProgress(progress),
	}
	for _, o := range []struct {
		set    bool
		option migrate.CopyOption
	}{
		{c.Follow, migrate.WithFollow()},
		{c.Create, migrate.WithCreateTopic(c.Replicas)},
		{c.FiniteRetention, migrate.WithFiniteRetention()},
		{c.ManyPartitions, migrate.WithManyPartitions()},
		{c.NoSourceCheck, migrate.WithoutSourceCheck()},
	} {
		if o.set {
			options = append(options, o.option)
		}
	}
	return options
}

// Run copies, or says what it would do.
func (c *migrateEventsCommand) Run(ctx context.Context, std stdio) error {
	if err := c.validate(c.ToPartition); err != nil {
		return err
	}
	if c.Create && c.Replicas == 0 {
		return errors.Wrap(errBadFlag, "--replicas must be at least 1, or -1")
	}
	if c.FromGRPC == "" && c.FromTopic == c.ToTopic && c.FromPartition == c.ToPartition && len(c.FromBrokers) == 0 {
		return errors.Wrap(errBadFlag, "a partition can't be copied into itself")
	}
	source, closeSource, err := c.open(c.migrateTarget)
	if err != nil {
		return err
	}
	defer func() { _ = closeSource() }() // what was copied is copied
	if !c.Apply {
		progress, err := migrate.PlanCopy(ctx, source, c.kafka(), c.ToTopic, c.ToPartition, c.options(func(migrate.Progress) {})...)
		if err != nil {
			return stoppedOr(ctx, err)
		}
		defer c.hint(std)
		return c.print(std, progress, "would go on")
	}
	screen := newScreen(std.err)
	progress, err := migrate.Copy(ctx, source, c.kafka(), c.ToTopic, c.ToPartition, c.options(func(p migrate.Progress) {
		screen.progress("%s events copied, up to event %s at offset %d, %s behind", count(int(p.Copied)), p.LastID, p.LastOffset, seconds(p.Lag))
	})...)
	if err = stoppedOr(ctx, err); err != nil {
		return errors.Wrap(err, fmt.Sprintf("%d events were copied", progress.Copied))
	}
	return c.print(std, progress, "went on")
}

// print says how far a copy is.
func (c *migrateEventsCommand) print(std stdio, p migrate.Progress, verb string) error {
	if c.JSON {
		return json.NewEncoder(std.out).Encode(p)
	}
	where := fmt.Sprintf("%s/%d: the copy %s after event %s", c.ToTopic, c.ToPartition, verb, p.After)
	if p.After == "" {
		where = fmt.Sprintf("%s/%d: the copy %s from the start", c.ToTopic, c.ToPartition, verb)
	}
	if c.Apply {
		where += fmt.Sprintf(", %s events were copied", count(int(p.Copied)))
	}
	if p.LastOffset >= 0 {
		where += fmt.Sprintf(", the last is event %s at offset %d", p.LastID, p.LastOffset)
	}
	_, err := fmt.Fprintln(std.out, where)
	return err
}
