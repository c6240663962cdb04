package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkatest"
)

// stage is the cluster that the demo plays on, with its topics.
type stage struct {
	name           string
	kafka          []kgo.Opt
	addrs          []string
	topic, cursors string

	broker *kafkatest.Broker // nil on the user's brokers
	drop   []string          // topics that go when the demo is over
}

var errTopicExists = errors.New("the topic exists already", j.C("ERR_b1a8f36c0e92d745"))

const (
	createTimeout = 30 * time.Second
	dropTimeout   = 10 * time.Second
)

// openStage brings a broker or takes the user's, and creates the topic of the
// events. That of the cursors is the cursor store's business.
func (c *demoCommand) openStage(ctx context.Context) (*stage, error) {
	suffix := strings.ToLower(rand.Text()[:8])
	s := &stage{topic: c.Topic, cursors: c.Cursors}
	if s.topic == "" {
		s.topic = "kreflex-demo-" + suffix
	}
	if s.cursors == "" {
		s.cursors = "kreflex-demo-cursors-" + suffix
	}
	if len(c.Brokers) > 0 {
		s.name = "the brokers at " + strings.Join(c.Brokers, ", ")
		s.addrs = c.Brokers
		s.kafka = []kgo.Opt{kgo.SeedBrokers(c.Brokers...)}
	} else {
		broker, err := kafkatest.New()
		if err != nil {
			return nil, err
		}
		s.name, s.broker, s.addrs, s.kafka = "an embedded broker", broker, broker.Addrs(), broker.Opts()
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if !c.Keep {
		s.drop = append(s.drop, s.topic)
		if c.Cursors == "" {
			s.drop = append(s.drop, s.cursors)
		}
	}
	return s, nil
}

// create makes the topic of the events. One that exists is refused: the demo
// would publish its events among somebody's own.
func (s *stage) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	err := s.administer(ctx, func(ctx context.Context, admin *kadm.Client) error {
		return perTopic(admin.CreateTopics(ctx, 1, -1, nil, s.topic))
	})
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return errors.Wrap(errTopicExists, fmt.Sprintf("the demo creates its topic %q itself: name another one, or none", s.topic))
	case err != nil:
		return &brokerError{addrs: s.addrs, doing: "create the topic " + s.topic, err: err}
	}
	return nil
}

// close removes the topics of the demo, and its broker.
func (s *stage) close() error {
	if s.broker != nil {
		s.broker.Close()
		return nil
	}
	if len(s.drop) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	err := s.administer(ctx, func(ctx context.Context, admin *kadm.Client) error {
		// Where the demo failed early there may be no topic of cursors yet.
		err := perTopicDeleted(admin.DeleteTopics(ctx, s.drop...))
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil
		}
		return err
	})
	if err != nil {
		return errors.Wrap(err, "delete the topics of the demo: "+strings.Join(s.drop, ", "))
	}
	return nil
}

// administer does something with a client of its own, and obeys ctx.
func (s *stage) administer(ctx context.Context, do func(context.Context, *kadm.Client) error) error {
	client, err := kafka.NewClient(slices.Clone(s.kafka))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kafka.Do(ctx, client, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, do(ctx, kadm.NewClient(client.Client))
	})
	return err
}

func perTopic(responses kadm.CreateTopicResponses, err error) error {
	if err != nil {
		return err
	}
	return responses.Error()
}

func perTopicDeleted(responses kadm.DeleteTopicResponses, err error) error {
	if err != nil {
		return err
	}
	return responses.Error()
}

// brokerError says that the brokers did not do something, and which brokers.
type brokerError struct {
	addrs []string
	doing string
	err   error
}

func (e *brokerError) Error() string {
	return fmt.Sprintf("%s: %v\n  asked:     %s\n  to do:     check that a broker listens there and lets you in, then try again",
		e.doing, e.err, strings.Join(e.addrs, ", "))
}

func (e *brokerError) Unwrap() error { return e.err }
