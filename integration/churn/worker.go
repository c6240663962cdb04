package churn

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkarun"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Order is what a worker is to do. It is given as JSON in the environment.
type Order struct {
	Brokers  []string
	Topic    string
	Cursors  string
	Group    string
	Protocol string // Classic or KIP848
	Fenced   bool
	Name     string
	Journal  string
	Session  time.Duration
}

// The protocols of consumer groups.
const (
	Classic = "classic"
	KIP848  = "kip848"
)

// Consumer is the name of the consumer that all workers run.
const Consumer = "churned"

// OrderEnv is the variable that the order is in.
const OrderEnv = "CHURN_ORDER"

// Work is the main function of a worker. It ends with SIGTERM, and returns nil if all went well.
func Work(text string) error {
	var o Order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return errors.Wrap(err, "read order")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	journal, err := OpenJournal(o.Journal)
	if err != nil {
		return errors.Wrap(err, "open journal")
	}
	kafka := []kgo.Opt{kgo.SeedBrokers(o.Brokers...), kgo.ClientID(o.Name)}
	opts := []kafkacursor.Option{}
	if o.Fenced {
		opts = append(opts, fencing(o))
	}
	cursors, err := open(ctx, kafka, o.Cursors, opts)
	if err != nil {
		return errors.Wrap(err, "open cursors")
	}
	runner, err := kafkarun.New(kafka, o.Topic, cursors, func(p kafkarun.Part) reflex.Spec { return spec(p, journal) },
		kafkarun.WithGroup(o.Group, member(o)...), kafkarun.WithDrainTime(2*time.Second),
		kafkarun.WithRetry(100*time.Millisecond, time.Second))
	if err != nil {
		return errors.Wrap(err, "make runner")
	}
	err = runner.Run(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, kafkarun.ErrNotReleased) {
		return errors.Wrap(err, "run")
	}
	return errors.Join(cursors.Close(), journal.Close())
}

func member(o Order) []kgo.GroupOpt {
	opts := []kgo.GroupOpt{
		kgo.RebalanceTimeout(20 * time.Second), kgo.SessionTimeout(o.Session), kgo.HeartbeatInterval(o.Session / 10),
	}
	if o.Protocol == KIP848 {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	return opts
}

// spec is that of a partition: it writes down what it is given, and nothing else.
func spec(p kafkarun.Part, journal *Journal) reflex.Spec {
	stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := p.Stream(ctx, after, opts...)
		if err != nil {
			return nil, err
		}
		first := int64(0)
		if after != "" {
			cursor, err := kafkastream.ParseCursor(after)
			if err != nil {
				return nil, err
			}
			first = cursor.Offset + 1
		}
		return client, journal.Append(Entry{Kind: Began, Partition: p.Partition, Offset: first, At: time.Now()})
	}
	return reflex.NewSpec(stream, p.Cursors, reflex.NewConsumer(Consumer, func(_ context.Context, e *reflex.Event) error {
		return journal.Append(Entry{Kind: Done, Partition: p.Partition, Offset: e.IDInt(), At: time.Now()})
	}))
}

// Main runs a worker if the environment has an order for one, and ends the process.
func Main() {
	order := os.Getenv(OrderEnv)
	if order == "" {
		return
	}
	if err := Work(order); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// open tries until it succeeds, as whoever starts a process that has ended would: one that is frozen at its start
// finds its time to be over.
func open(ctx context.Context, kafka []kgo.Opt, topic string, opts []kafkacursor.Option) (*kafkacursor.Store, error) {
	for {
		store, err := kafkacursor.Open(ctx, kafka, topic, opts...)
		if err == nil || ctx.Err() != nil || kafkacursor.IsPermanent(err) {
			return store, err
		}
	}
}
