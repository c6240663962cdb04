package kafkastream

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

// Partition is a partition of a topic as a source of events. Its Stream is a
// reflex.StreamFunc. It is safe for concurrent use, holds no connections,
// and needs no closing.
type Partition struct {
	kafka     []kgo.Opt
	topic     string
	partition int32
	config    config
	invalid   error // what Stream says of the options

	mu          sync.Mutex // serialises changes of incarnation
	incarnation atomic.Pointer[incarnation]
}

// NewPartition returns a partition. The kgo options say how to reach Kafka:
// seed brokers, TLS, SASL, client ID. It contacts nobody and can't fail: what is
// wrong, with the options too, Stream says.
func NewPartition(kafka []kgo.Opt, topic string, partition int32, opts ...Option) *Partition {
	config, err := resolve(topic, partition, opts)
	return &Partition{kafka: slices.Clone(kafka), topic: topic, partition: partition, config: config, invalid: err}
}

// Topic returns the name of the topic.
func (p *Partition) Topic() string { return p.topic }

// Partition returns the number of the partition.
func (p *Partition) Partition() int32 { return p.partition }

// Stamp returns the function that turns the ID of an event just consumed into
// a cursor that also names the log the event was read from, see Cursor. A cursor store
// calls Stamp with each event, and the function once per write. It costs
// one atomic load.
func (p *Partition) Stamp() func(id string) string {
	if inc := p.incarnation.Load(); inc != nil {
		return inc.stamp
	}
	return unstamped
}

// unstamped is the stamp of a partition that nothing was read from yet.
func unstamped(id string) string { return id }

// Stream opens a stream of the events after the cursor, see reflex.StreamFunc
// and the documentation of this package. The stream is an io.Closer.
//
// It returns an *Error or the error of ctx. What makes it return ErrUnreachable
// may take the open timeout; the rest comes as soon as the brokers have answered.
func (p *Partition) Stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.invalid != nil {
		return nil, p.invalid
	}
	from, err := p.parseStart(after, reflex.ResolveOptions(opts...))
	if err != nil {
		return nil, err
	}
	client, err := p.newClient()
	if err != nil {
		return nil, err
	}
	s, err := p.open(ctx, client, from)
	if err != nil {
		client.Close()
		return nil, err
	}
	return s, nil
}

// start is where a stream is to begin.
type start struct {
	options reflex.StreamOptions
	cursor  *Cursor // nil is the start of the log, or its head
}

func (p *Partition) parseStart(after string, options reflex.StreamOptions) (start, error) {
	from := start{options: options}
	if after == "" || options.StreamFromHead {
		return from, nil
	}
	cursor, err := ParseCursor(after)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Topic, e.Partition = p.topic, p.partition
		}
		return start{}, err
	}
	from.cursor = &cursor
	return from, nil
}

func (p *Partition) newClient() (*kafka.Client, error) {
	// All is retried here, where the reason is not lost if it doesn't help.
	client, err := kafka.NewClient(p.kafka, kgo.RequestRetries(0))
	if err != nil {
		e := p.error(ErrInvalidOption)
		e.Cause = err
		return nil, e
	}
	return client, nil
}

// open finds out where the stream begins, and begins it.
func (p *Partition) open(ctx context.Context, client *kafka.Client, from start) (*stream, error) {
	opening, cancel := context.WithTimeout(ctx, p.config.openTimeout)
	defer cancel()

	log, err := partition.Describe(opening, client, p.topic, p.partition)
	if err != nil {
		return nil, p.openError(ctx, err)
	}
	if from.cursor != nil {
		if err := p.verify(opening, client, log, *from.cursor); err != nil {
			return nil, p.openError(ctx, err)
		}
	}
	inc, err := p.adopt(log, from.cursor)
	if err != nil {
		return nil, err
	}
	return newStream(ctx, p, client, log, inc, from), nil
}

// verify checks that the cursor is of an event of this log.
func (p *Partition) verify(ctx context.Context, client *kafka.Client, log partition.Log, cursor Cursor) error {
	id := cursor.TopicID
	if inc := p.incarnation.Load(); inc != nil && id == [16]byte{} {
		id = inc.topicID // it can't be of a topic that nothing was read from yet
	}
	if err := p.sameTopic(id, log.TopicID); err != nil {
		return err
	}
	next := cursor.Offset + 1
	if err := partition.VerifyRange(log, next); err != nil {
		return err
	}
	if cursor.LeaderEpoch < 0 || log.LeaderEpoch < 0 {
		return nil
	}
	return partition.VerifyEpoch(ctx, client, log, cursor.LeaderEpoch, next)
}

// sameTopic returns an error if both IDs are known and differ.
func (p *Partition) sameTopic(was, is [16]byte) error {
	var none [16]byte
	if was == is || was == none || is == none {
		return nil
	}
	return &partition.Fault{
		Kind: partition.Recreated, Topic: p.topic, Partition: p.partition, Position: unknown, WasID: was, IsID: is,
	}
}

// adopt returns the incarnation of the topic that the log is of, for one more
// stream.
//
// The incarnation changes only when nothing of the one before can still be consumed or
// confused with it: no stream of it is open, and the stream to be opened starts
// anew or at a cursor of the new one. So a stamp never names a log that the
// event was not read from.
func (p *Partition) adopt(log partition.Log, cursor *Cursor) (*incarnation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	inc := p.incarnation.Load()
	if inc != nil && inc.topicID != log.TopicID {
		anew := cursor == nil || cursor.TopicID == log.TopicID
		if err := p.sameTopic(inc.topicID, log.TopicID); err != nil && (!anew || inc.streams > 0) {
			return nil, fromFault(err)
		}
		inc = nil
	}
	if inc == nil {
		inc = newIncarnation(log.TopicID)
		p.incarnation.Store(inc)
	}
	inc.streams++
	return inc, nil
}

// release is the end of a stream of an incarnation.
func (p *Partition) release(inc *incarnation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	inc.streams--
}

// openError is the error of Stream and Offsets: if it is not the context that was
// done, but only the time for opening, the brokers were not reachable.
func (p *Partition) openError(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fromFault(err)
	}
	var fault *partition.Fault
	if errors.As(err, &fault) {
		return fromFault(err)
	}
	e := p.error(ErrUnreachable)
	e.Asked = "the partition's leader and offsets within " + p.config.openTimeout.String()
	e.Do = "check that the brokers are up, the seed brokers right, and TLS and SASL what they expect, then try again"
	e.Found = "no answer"
	var gaveUp *partition.GaveUp
	if errors.As(err, &gaveUp) {
		e.Found, e.Cause = "", kafka.Cause(gaveUp.Last)
	}
	return e
}

// error returns an error that says nothing but where.
func (p *Partition) error(kind error) *Error {
	return &Error{Kind: kind, Topic: p.topic, Partition: p.partition, Offset: unknown, Start: unknown, End: unknown}
}
