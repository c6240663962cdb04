package kafkarun

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Cursors gives each partition its cursor store. *kafkacursor.Store and *sqlcursor.Store are such.
type Cursors interface {
	// For returns the store for consumers of a partition.
	For(log kafkacursor.Log) reflex.CursorStore
}

// Part is a partition as SpecFunc sees it.
type Part struct {
	Topic     string
	Partition int32
	// Group is the consumer group, or empty.
	Group string
	// Log is what a store asks for that has more to offer than a reflex.CursorStore, such as sqlcursor.Store.Bind.
	Log kafkacursor.Log
	// Stream and Cursors are those of the partition. The spec must be made of them: they are how the runner knows
	// what goes on, and how it takes the partition away.
	Stream  reflex.StreamFunc
	Cursors reflex.CursorStore
}

// SpecFunc makes the spec of a partition. It is called each time a partition is
// taken over, and must return a consumer of its own each time: consumers of several partitions are at work at once,
// and one has state, such as its lag. All of them have the same name.
//
//	func(p kafkarun.Part) reflex.Spec {
//		return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer("billing", logic))
//	}
//
// Patterns work as they do elsewhere: a keyed consumer is
// rpatterns.NewKeyedSpec(p.Stream, rpatterns.NewKeyedConsumer(p.Cursors, consumer, nil, 64)).
type SpecFunc func(p Part) reflex.Spec

// Runner runs one consumer over the partitions of a topic. Its methods are safe for concurrent use.
type Runner struct {
	kafka   []kgo.Opt
	topic   *kafkastream.Topic
	cursors Cursors
	spec    SpecFunc
	config  config

	running atomic.Bool

	mu      sync.Mutex
	session *session // of the Run that goes on, or of the last one; nil before the first
}

// New returns a runner. The kgo options say how to reach Kafka: seed brokers, TLS, SASL, client ID. It
// contacts nobody, and returns ErrInvalidOption for what it can tell is wrong.
func New(kafka []kgo.Opt, topic string, cursors Cursors, spec SpecFunc, opts ...Option) (*Runner, error) {
	c, err := resolve(topic, opts)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		kafka: slices.Clone(kafka), topic: kafkastream.NewTopic(kafka, topic, c.stream...),
		cursors: cursors, spec: spec, config: c,
	}
	if cursors == nil || spec == nil {
		return nil, r.invalid("a runner without cursors or without a spec", "give both to New")
	}
	if m, ok := cursors.(memberStore); ok && m.NeedsMember() && c.group == "" {
		return nil, r.invalid("a store that is fenced by a consumer group, without a group",
			"give WithGroup, or open the store without kafkacursor.WithMemberFencing")
	}
	return r, nil
}

// memberStore is a store whose writes the group's coordinator refuses from who is no member. *kafkacursor.Store may be one.
type memberStore interface {
	NeedsMember() bool
	Join(m kafkacursor.Member) (leave func(), err error)
}

func (r *Runner) invalid(asked, do string) error {
	return &Error{Kind: ErrInvalidOption, About: r.topic.Name(), Asked: asked, Do: do}
}

// Run runs the partitions until ctx is done, and returns why it ended; it never returns nil. Each partition is run by
// reflex.Run, again and again: what one fails with, Status says and the log has, and the others go on.
//
// When ctx is done the partitions are released: no further event is taken in hand, those in hand are
// finished within the drain time, and the cursors are flushed. In a group only then does the next owner begin. What could not
// be released cleanly is joined to the error.
//
// It returns an *Error, or an error of package kafkastream if the topic is not there or no broker is of help at the
// start. Afterwards it may be run again.
func (r *Runner) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !r.running.CompareAndSwap(false, true) {
		return &Error{Kind: ErrRunning, About: r.topic.Name(), Do: "make a Runner for each Run at a time"}
	}
	defer r.running.Store(false)

	shape, err := r.topic.Shape(ctx)
	if err != nil {
		return err
	}
	client, err := kafka.NewClient(r.kafka)
	if err != nil {
		return r.optionError(err)
	}
	defer client.Close()
	s := newSession(ctx, r, client, shape)
	r.mu.Lock()
	s.inherit(r.session)
	r.session = s
	r.mu.Unlock()
	return s.run(ctx)
}

func (r *Runner) optionError(err error) error {
	return &Error{
		Kind: ErrInvalidOption, About: r.topic.Name(), Cause: err,
		Do: "correct the options of kgo: those of New say how to reach Kafka, those of WithGroup how to be a member",
	}
}

// current returns the session of Run, or nil before the first.
func (r *Runner) current() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session
}

// ended joins what could not be released to why Run ended.
func ended(err error, unclean []error) error {
	if len(unclean) == 0 {
		return err
	}
	return errors.Join(append([]error{err}, unclean...)...)
}
