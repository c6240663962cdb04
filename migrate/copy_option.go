package migrate

import (
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
)

// CopyOption changes what Copy does.
type CopyOption func(*copyConfig)

type copyConfig struct {
	follow      bool
	batchEvents int
	progress    func(Progress)

	createReplicas   int16 // 0 is not to create
	finiteRetention  bool
	manyPartitions   bool
	trustTopic       bool
	trustSource      bool
	timeout          time.Duration
	transactionalIDs string
}

const (
	defaultBatchEvents = 5000
	maxBatchEvents     = 100_000
	// batchBytes is when a batch is full whatever the number of events.
	batchBytes = 4 << 20
	// roomBytes is what may wait between source and target, the batch in hand included.
	roomBytes = 16 << 20

	defaultCopyTimeout = 20 * time.Second
	minCopyTimeout     = time.Second
	maxCopyTimeout     = 5 * time.Minute

	defaultTransactionalIDs = "kreflex-migrate-"
)

// WithFollow goes on copying when the head of the source is reached, until the context is
// done, whose error Copy then returns. By default Copy returns at the head.
func WithFollow() CopyOption {
	return func(c *copyConfig) { c.follow = true }
}

// WithBatchEvents sets how many events a transaction holds at most. A transaction takes
// tens of milliseconds whatever it holds; while it does, the next batch is read. Fewer are written when
// the source has no more, or at 4 MiB. Defaults to 5000; from 1 to 100,000.
func WithBatchEvents(n int) CopyOption {
	return func(c *copyConfig) { c.batchEvents = n }
}

// WithProgress sets a function to be called after each transaction and, without
// WithFollow, at the head. It is called by the goroutine that called Copy, which waits for it.
func WithProgress(fn func(Progress)) CopyOption {
	return func(c *copyConfig) { c.progress = fn }
}

// WithCreateTopic creates the topic where there is none: one partition, or as many as
// it takes to have the one asked for, nothing ever deleted, and as many replicas, of which two must
// be in sync where there are three; -1 is the brokers' default. Without it, a topic that
// doesn't exist is kafkastream.ErrUnknownTopic.
func WithCreateTopic(replicas int16) CopyOption {
	return func(c *copyConfig) { c.createReplicas = replicas }
}

// WithFiniteRetention accepts a topic that deletes old records. Kafka goes by the
// timestamps of the events, so old ones may be gone as soon as they are copied, and cursors that
// point at them can't be moved.
func WithFiniteRetention() CopyOption {
	return func(c *copyConfig) { c.finiteRetention = true }
}

// WithManyPartitions accepts a topic with more than one partition. A source has one
// order, and a partition has one: use it only where each partition is the copy of a source
// of its own, and whoever publishes to the topic later chooses partitions by the same rule.
func WithManyPartitions() CopyOption {
	return func(c *copyConfig) { c.manyPartitions = true }
}

// WithoutTopicValidation makes Copy not ask how the topic is configured, for those who may
// not (DESCRIBE_CONFIGS of the topic). It is then up to you that nothing is compacted, deleted
// or given another timestamp.
func WithoutTopicValidation() CopyOption {
	return func(c *copyConfig) { c.trustTopic = true }
}

// WithoutSourceCheck makes Copy go on without reading the event copied last once more and
// comparing it. It is for sources that changed it, or don't have it any more.
func WithoutSourceCheck() CopyOption {
	return func(c *copyConfig) { c.trustSource = true }
}

// WithCopyTimeout sets how long Copy waits for the brokers before it returns ErrInterrupted, at
// the start and for each transaction. Defaults to 20 s; from a second to 5 minutes.
func WithCopyTimeout(d time.Duration) CopyOption {
	return func(c *copyConfig) { c.timeout = d }
}

// WithTransactionalIDPrefix sets what the transactional ID begins with; the topic and the partition
// follow. Copies with different prefixes don't fence each other. Defaults to
// "kreflex-migrate-".
func WithTransactionalIDPrefix(prefix string) CopyOption {
	return func(c *copyConfig) { c.transactionalIDs = prefix }
}

// transactionalID is that of all copies into the partition.
func (c copyConfig) transactionalID(topic string, partition int32) string {
	return fmt.Sprintf("%s%s-%d", c.transactionalIDs, topic, partition)
}

// resolveCopy applies the options and reports all that is wrong with them.
func resolveCopy(topic string, partition int32, hasSource bool, opts []CopyOption) (copyConfig, error) {
	c := copyConfig{
		batchEvents: defaultBatchEvents, timeout: defaultCopyTimeout, transactionalIDs: defaultTransactionalIDs,
		progress: func(Progress) {},
	}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{Kind: ErrInvalidOption, Topic: topic, Partition: partition, Asked: asked, Do: do})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil option", "leave it out")
			continue
		}
		opt(&c)
	}
	if !hasSource {
		invalid("a copy of nothing", "give Copy a stream")
	}
	if topic == "" {
		invalid("a topic without a name", "give its name to Copy")
	}
	if partition < 0 {
		invalid(fmt.Sprintf("partition %d", partition), "count partitions from 0")
	}
	if c.batchEvents < 1 || c.batchEvents > maxBatchEvents {
		invalid(fmt.Sprintf("batches of %d events", c.batchEvents), "give WithBatchEvents something from 1 to 100,000")
	}
	if c.timeout < minCopyTimeout || c.timeout > maxCopyTimeout {
		invalid("a timeout of "+c.timeout.String(), "give WithCopyTimeout something from a second to 5 minutes")
	}
	if c.progress == nil {
		invalid("progress to be told to nobody", "leave WithProgress out")
	}
	if c.createReplicas < brokerDefault {
		invalid(fmt.Sprintf("%d replicas", c.createReplicas), "give WithCreateTopic at least 1, or -1 for the default")
	}
	if c.transactionalIDs == "" {
		invalid("transactional IDs without a prefix", "give WithTransactionalIDPrefix one")
	}
	if len(wrong) == 1 {
		return c, wrong[0]
	}
	return c, errors.Join(wrong...)
}

// brokerDefault leaves the number of replicas to the brokers.
const brokerDefault = -1
