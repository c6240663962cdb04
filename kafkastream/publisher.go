package kafkastream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/reflex"
)

// Publisher writes events to a topic, in the format that Encode documents.
//
// Writes are idempotent and wait for all in-sync replicas. Events with one
// foreign id go to one partition, in the order they were handed over; where one
// of them fails, those behind it that had been handed over by then fail too
// rather than overtake it. Retries of the publisher write nothing twice;
// publishing an event again does.
//
// An event without Trace gets that of the span in the context, if there is one.
//
// A Publisher is safe for concurrent use, and better shared than made often.
type Publisher struct {
	client     *kafka.Client
	topic      string
	config     publisherConfig
	partitions *partitionCount
	deadlines  deadlines
	stall      time.Duration      // without any acknowledgement, after which waiting is pointless
	expire     context.CancelFunc // ends all deadlines
	sizeLimit  int

	// room bounds what waits to be delivered, instead of kgo's own limit: waiting
	// for that ends with the context that is also the record's, see deadlines.
	room      *semaphore.Weighted
	roomSize  int64
	bytes     *semaphore.Weighted // nil is no bound
	bytesSize int64

	closed       atomic.Bool
	closeOnce    sync.Once
	closeErr     error
	closeTimeout time.Duration

	mu       sync.Mutex
	asyncErr error // first failure of PublishAsync since the last Flush

	transactions transactions
}

// closeTimeout and closeGrace bound Close. stallSlack is what a failure may take
// beyond the delivery timeout: kgo looks at contexts between attempts only.
const (
	closeTimeout = 9 * time.Second
	closeGrace   = 1 * time.Second
	stallSlack   = 5 * time.Second
)

// NewPublisher returns a publisher for a topic, which must exist. It does no
// I/O: what is wrong with the brokers or the topic, the first call says.
//
// Any kgo.Opt may be passed, such as compression, kgo.ProducerLinger (0 by
// default: raise it for fuller batches, at the cost of as much latency), or
// kgo.MaxBufferedRecords (50,000 by default), at which publishing blocks. Those
// that would break a promise are refused with ErrInvalidOption.
//
// Close it when done.
func NewPublisher(kafkaOpts []kgo.Opt, topic string, opts ...PublisherOption) (*Publisher, error) {
	config, err := resolvePublisherOptions(topic, opts)
	if err != nil {
		return nil, err
	}
	partitions := new(partitionCount)
	cl, err := kafka.NewClient(append(config.defaults(), kafkaOpts...), config.forced(topic, partitions)...)
	if err != nil {
		return nil, &causedError{ours: ErrInvalidOption, cause: err}
	}
	if err := validClient(cl.Client); err != nil {
		cl.Close()
		return nil, err
	}

	base, expire := context.WithCancel(context.Background())
	p := &Publisher{
		client:       cl,
		topic:        topic,
		config:       config,
		partitions:   partitions,
		deadlines:    deadlines{base: base, timeout: config.deliveryTimeout},
		expire:       expire,
		transactions: newTransactions(),
		closeTimeout: closeTimeout,
		stall:        config.deliveryTimeout + stallSlack,
	}
	p.roomSize, _ = cl.OptValue(kgo.MaxBufferedRecords).(int64)
	p.room = semaphore.NewWeighted(p.roomSize)
	if p.bytesSize, _ = cl.OptValue(kgo.MaxBufferedBytes).(int64); p.bytesSize > 0 {
		p.bytes = semaphore.NewWeighted(p.bytesSize)
	}
	if limit, ok := cl.OptValue(kgo.ProducerBatchMaxBytesFn).(func(string) int32); ok {
		p.sizeLimit = int(limit(topic))
	}
	return p, nil
}

// Publish writes the events and returns their positions, in the same order, when
// all are acknowledged. It is not atomic, see Transact for that.
//
// Before anything is sent, it returns ErrInvalidEvent or an EventTooLargeError
// for the first event that can't be written. Any other failure is a PublishError,
// which says what became of each event, and why: ErrUnknownTopic,
// ErrUnknownPartition, ErrNotAuthorised, ErrForeignIDRequired,
// ErrDeliveryTimeout, ErrPublisherClosed, the error of ctx, or Kafka's.
//
// It returns as soon as ctx is done. Events handed over by then may still be
// written. Without a deadline it gives up when nothing was acknowledged for the
// delivery timeout.
func (p *Publisher) Publish(ctx context.Context, events ...*reflex.Event) ([]Position, error) {
	if p.config.transactional {
		return nil, errors.Wrap(ErrTransactional, "publish", j.KV("topic", p.topic))
	}
	records, err := p.records(ctx, events)
	if err != nil {
		return nil, err
	}
	if err := p.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Wrap(err, "publish", j.KV("topic", p.topic))
	}

	d := newDelivery(len(records))
	for i, r := range records {
		if err := p.acquire(ctx, r); err != nil {
			d.unsent(i, err)
			break
		}
		p.produce(r, func(r *kgo.Record, err error) { d.settle(i, p.position(r), p.deliveryError(r, err)) })
	}
	return d.wait(ctx, p.topic, p.stall)
}

// PublishAsync hands an event over and returns, waiting only for room, until
// ctx is done. The event is written even if ctx ends afterwards.
//
// The function is called once, with the position or with the errors of Publish
// for a single event, maybe before PublishAsync returns. Calls are one at a time,
// in order of events in a partition; it must not block, nor call the publisher
// except from another goroutine. It may be nil: the first failure is also
// returned by the next Flush or Close.
func (p *Publisher) PublishAsync(ctx context.Context, event *reflex.Event, done func(Position, error)) {
	r, err := p.asyncRecord(ctx, event)
	if err != nil {
		p.settleAsync(done, Position{}, err)
		return
	}
	p.produce(r, func(r *kgo.Record, err error) {
		if err := p.deliveryError(r, err); err != nil {
			p.settleAsync(done, Position{}, err)
			return
		}
		p.settleAsync(done, p.position(r), nil)
	})
}

func (p *Publisher) asyncRecord(ctx context.Context, event *reflex.Event) (*kgo.Record, error) {
	if p.config.transactional {
		return nil, errors.Wrap(ErrTransactional, "publish", j.KV("topic", p.topic))
	}
	if err := p.usable(); err != nil {
		return nil, err
	}
	r, err := p.record(ctx, event)
	if err != nil {
		return nil, err
	}
	return r, p.acquire(ctx, r)
}

func (p *Publisher) settleAsync(done func(Position, error), at Position, err error) {
	if err != nil {
		p.mu.Lock()
		if p.asyncErr == nil {
			p.asyncErr = err
		}
		p.mu.Unlock()
	}
	if done != nil {
		done(at, err)
	}
}

// Flush returns when no event waits for its acknowledgement, with the first
// failure of PublishAsync since the last Flush. While others go on publishing
// that can take until ctx is done, whose error is then returned.
func (p *Publisher) Flush(ctx context.Context) error {
	if err := p.usable(); err != nil {
		return err
	}
	return p.flush(ctx)
}

func (p *Publisher) flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return errors.Wrap(err, "flush", j.MKV{"topic": p.topic, "events": p.client.BufferedProduceRecords()})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.asyncErr
	p.asyncErr = nil
	return err
}

// Close flushes and frees everything, within about 10 s. It returns what Flush
// does; events that are not acknowledged by then get ErrPublisherClosed, and may
// be written. A transaction in progress is aborted. All functions given to
// PublishAsync have returned when Close does. Closing again returns the same.
func (p *Publisher) Close() error {
	p.closeOnce.Do(func() {
		p.closed.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), p.closeTimeout)
		defer cancel()

		p.transactions.drain(ctx)
		p.closeErr = p.flush(ctx)
		p.client.Close() // fails what is left, so that the rest doesn't hang on it
		p.expire()

		// All room free means that all functions were called. The bounds are for
		// functions of the user that don't return.
		last, cancelLast := context.WithTimeout(context.Background(), closeGrace)
		defer cancelLast()
		p.transactions.drain(last)
		if err := p.room.Acquire(last, p.roomSize); err != nil {
			p.closeErr = errors.Join(p.closeErr, errors.Wrap(err, "a function given to PublishAsync blocks", j.KV("topic", p.topic)))
		}
	})
	return p.closeErr
}

// usable returns why the publisher is not.
func (p *Publisher) usable() error {
	if p.closed.Load() {
		return errors.Wrap(ErrPublisherClosed, "publish", j.KV("topic", p.topic))
	}
	return nil
}

func (p *Publisher) position(r *kgo.Record) Position {
	return Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

// acquire waits for room until ctx is done, or until none came free for as
// long as deliveries may take.
func (p *Publisher) acquire(ctx context.Context, r *kgo.Record) error {
	if p.tryAcquire(r) {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.stall, ErrDeliveryTimeout)
	defer cancel()
	if err := p.room.Acquire(ctx, 1); err != nil {
		return errors.Wrap(context.Cause(ctx), "wait for room to publish", j.KV("topic", p.topic))
	}
	if p.bytes != nil {
		if err := p.bytes.Acquire(ctx, p.weight(r)); err != nil {
			p.room.Release(1)
			return errors.Wrap(context.Cause(ctx), "wait for room to publish", j.KV("topic", p.topic))
		}
	}
	return nil
}

func (p *Publisher) tryAcquire(r *kgo.Record) bool {
	if !p.room.TryAcquire(1) {
		return false
	}
	if p.bytes != nil && !p.bytes.TryAcquire(p.weight(r)) {
		p.room.Release(1)
		return false
	}
	return true
}

// weight is what kgo counts against its limit of buffered bytes.
func (p *Publisher) weight(r *kgo.Record) int64 {
	n := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return int64(n)
}

// produce hands the record to kgo. There must be room for it.
func (p *Publisher) produce(r *kgo.Record, settle func(*kgo.Record, error)) {
	weight := p.weight(r) // kgo may change what it reads in a promise
	p.client.Produce(p.deadlines.context(), r, func(r *kgo.Record, err error) {
		// Even if a user's function panics: the process may recover, and then
		// must be able to close.
		defer p.room.Release(1)
		if p.bytes != nil {
			defer p.bytes.Release(weight)
		}
		settle(r, err)
	})
}
