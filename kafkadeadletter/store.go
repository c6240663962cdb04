package kafkadeadletter

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
)

// Store keeps dead letters in a compacted topic. It is safe for concurrent use. Close it in
// the end.
type Store struct {
	kafka   []kgo.Opt
	topic   string
	topicID [16]byte
	limit   int32 // of bytes of a letter, 0 where it isn't known
	config  config
	cl      *kafka.Client // produces; who reads has a client of his own

	//nolint:containedctx // the life of the store, which no single call has
	ctx       context.Context
	cancel    context.CancelFunc
	closeOnce sync.Once
}

// Open opens the store in the topic, which it creates if there is none. The kgo
// options say how to reach Kafka: seed brokers, TLS, SASL, client ID.
//
// It waits for the brokers as long as ctx and WithTimeout allow, and returns the error of
// ctx or an *Error: ErrInvalidOption, ErrTopicConfig, ErrPartitionCount,
// ErrUnknownTopic, ErrNotAuthorised, ErrUnreachable, ErrRefused.
func Open(ctx context.Context, kafkaOpts []kgo.Opt, topic string, opts ...Option) (*Store, error) {
	c, err := resolve(topic, opts)
	if err != nil {
		return nil, err
	}
	found, err := look(ctx, kafkaOpts, topic, c)
	if err != nil {
		return nil, err
	}
	// A client of its own, as the limit is an option of the producer.
	cl, err := newClient(topic, kafkaOpts, produceOpts(c.timeout, found.limit)...)
	if err != nil {
		return nil, err
	}
	s := &Store{kafka: slices.Clone(kafkaOpts), topic: topic, topicID: found.id, limit: found.limit, config: c, cl: cl}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// look opens the topic, with a client that is then closed.
func look(ctx context.Context, kafkaOpts []kgo.Opt, topic string, c config) (opened, error) {
	cl, err := newClient(topic, kafkaOpts, produceOpts(c.timeout, 0)...)
	if err != nil {
		return opened{}, err
	}
	defer cl.Close()
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	found, err := openTopic(bounded, cl, topic, c)
	if err != nil {
		return opened{}, waitError(ctx, topic, err)
	}
	if most, ok := cl.OptValue(kgo.BrokerMaxWriteBytes).(int32); ok {
		found.limit = min(found.limit, most) // kgo refuses a larger one
	}
	return found, nil
}

// Close ends the store. Calls that are under way return ErrClosed soon: an Insert that does may have
// written its letter. It is prompt, and returns nil. Closing again does nothing.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.cancel()
		s.cl.Close()
	})
	return nil
}

// Topic returns the name of the topic of letters.
func (s *Store) Topic() string { return s.topic }

// begin returns a context that is also done when the store is closed, or why there is none.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if s.ctx.Err() != nil {
		return nil, nil, s.closedError()
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }, nil
}

// failed is what a call returns that met err: that the store was closed, the error of the caller's context, or
// what was in the way.
func (s *Store) failed(ctx context.Context, err error) error {
	if err != nil && s.ctx.Err() != nil && ctx.Err() == nil {
		return s.closedError()
	}
	return waitError(ctx, s.topic, err)
}

func (s *Store) closedError() error { return &Error{Kind: ErrClosed, Topic: s.topic} }
