package kafkastream

import (
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
)

// PublisherOption changes what NewPublisher makes.
type PublisherOption func(*publisherConfig)

type publisherConfig struct {
	partition       int32 // byForeignID or one for all
	deliveryTimeout time.Duration
	transactional   bool
	transactionalID string
}

// byForeignID is the partition of a publisher that chooses by foreign id.
const byForeignID = -1

const (
	defaultDeliveryTimeout = 30 * time.Second
	minDeliveryTimeout     = 100 * time.Millisecond
	maxDeliveryTimeout     = 24 * time.Hour
)

// WithPartition publishes all events to one partition. By default the foreign id
// chooses, with the hash of Kafka's own client: murmur2 over the key. Events
// without foreign id are then spread in runs.
//
// For another rule pass kgo.RecordPartitioner to NewPublisher among the Kafka
// options. Mind that readers in order rely on an id being in one partition.
func WithPartition(partition int32) PublisherOption {
	return func(c *publisherConfig) { c.partition = partition }
}

// WithDeliveryTimeout sets how long an event may take from being handed over to
// being acknowledged, retries included, 30 s by default. After that it fails with
// ErrDeliveryTimeout, up to 5 s late where the last attempt is still in flight.
// It may be between 100 ms and 24 h.
//
// If the attempt in flight is never answered, PublishAsync keeps the event beyond
// that, until Close, as it would be out of order if it were given up.
func WithDeliveryTimeout(d time.Duration) PublisherOption {
	return func(c *publisherConfig) { c.deliveryTimeout = d }
}

// WithTransactionalID makes a publisher for Transact. Kafka lets only one be
// active per id: a publisher's first Transact fences all earlier ones and aborts
// what they left open. The id is best the name of the work, and stays the same when a
// process is restarted.
//
// kgo.TransactionTimeout among the Kafka options bounds how long a transaction
// may stay open, 40 s by default. Until it ends, readers of committed events
// see nothing that comes after its first event.
func WithTransactionalID(id string) PublisherOption {
	return func(c *publisherConfig) { c.transactional, c.transactionalID = true, id }
}

func resolvePublisherOptions(topic string, opts []PublisherOption) (publisherConfig, error) {
	c := publisherConfig{partition: byForeignID, deliveryTimeout: defaultDeliveryTimeout}
	var wrong []error
	if topic == "" {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "a publisher needs a topic"))
	}
	for _, opt := range opts {
		if opt == nil {
			wrong = append(wrong, errors.Wrap(ErrInvalidOption, "an option is nil"))
			continue
		}
		opt(&c)
	}
	if c.partition < byForeignID {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "there is no such partition", j.KV("partition", c.partition)))
	}
	if c.deliveryTimeout < minDeliveryTimeout || c.deliveryTimeout > maxDeliveryTimeout {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "the delivery timeout is out of bounds",
			j.MKV{"timeout": c.deliveryTimeout, "min": minDeliveryTimeout, "max": maxDeliveryTimeout}))
	}
	if c.transactional && c.transactionalID == "" {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "the transactional id is empty"))
	}
	return c, errors.Join(wrong...)
}

// defaults are options that the user's may override.
func (c publisherConfig) defaults() []kgo.Opt {
	return []kgo.Opt{
		// Events go out at once; those that come while a request is in flight
		// share the next one, so a busy publisher batches anyway.
		kgo.ProducerLinger(0),
	}
}

// forced are the options that the guarantees rest on.
func (c publisherConfig) forced(topic string, partitions *partitionCount) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.DefaultProduceTopic(topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
	}
	if c.transactional {
		opts = append(opts, kgo.TransactionalID(c.transactionalID))
	}
	if c.partition != byForeignID {
		opts = append(opts, kgo.RecordPartitioner(partitions.partitioner(c.partition)))
	}
	return opts
}

// validClient refuses options that can't be overridden and would break a promise.
func validClient(cl *kgo.Client) error {
	var wrong []error
	for _, refused := range []struct {
		option any
		why    string
	}{
		{kgo.DisableIdempotentWrite, "kgo.DisableIdempotentWrite would duplicate and reorder events on retries"},
		{kgo.ManualFlushing, "kgo.ManualFlushing would keep events from being sent"},
		{kgo.AllowAutoTopicCreation, "kgo.AllowAutoTopicCreation would make a topic of a misspelt name"},
	} {
		if set, _ := cl.OptValue(refused.option).(bool); set {
			wrong = append(wrong, errors.Wrap(ErrInvalidOption, refused.why))
		}
	}
	if timeout, _ := cl.OptValue(kgo.RecordDeliveryTimeout).(time.Duration); timeout != 0 {
		// kgo counts from the record's timestamp, so it would fail every event of
		// the past unsent.
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "use WithDeliveryTimeout: kgo.RecordDeliveryTimeout counts from the event's timestamp"))
	}
	return errors.Join(wrong...)
}
