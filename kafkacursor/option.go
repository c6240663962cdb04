package kafkacursor

import (
	"fmt"
	"math"
	"time"

	"github.com/luno/jettison/errors"
)

// Option changes what Open opens.
type Option func(*config)

type config struct {
	partitions        int32
	replicationFactor int16
	create            bool
	validate          bool

	flushInterval time.Duration
	timeout       time.Duration

	fenced    bool
	txnPrefix string

	memberFenced    bool
	transactionalID string
}

const (
	defaultFlushInterval = 100 * time.Millisecond
	maxFlushInterval     = time.Hour
	defaultTimeout       = 10 * time.Second
	// minTimeout is the least that kgo has for RecordDeliveryTimeout.
	minTimeout = time.Second
	maxTimeout = time.Hour
)

// WithFlushInterval sets how often the newest cursors are written. Until then they are
// lost if the process dies, and their events come again. Defaults to 100 ms;
// 0 writes as soon as the write before is done. At most an hour.
func WithFlushInterval(d time.Duration) Option {
	return func(c *config) { c.flushInterval = d }
}

// WithTimeout bounds each call that waits for Kafka, beside its context, and each
// write. Defaults to 10 s; between a second and an hour.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithFencing writes each cursor in a transaction, whose transactional ID is the
// prefix and the cursor's key: GetCursor takes the consumer over, and from then on
// Kafka refuses all writes of whoever had it before. The prefix must be the same
// wherever the consumer may run, and not the beginning of other transactional IDs.
//
// It costs 5 to 25 ms per write on one broker and about 70 ms on three, whatever was
// set in between, and each consumer has a client of its own. It needs WRITE and DESCRIBE of the transactional IDs.
func WithFencing(transactionalIDPrefix string) Option {
	return func(c *config) { c.fenced, c.txnPrefix = true, transactionalIDPrefix }
}

// WithMemberFencing is fencing for partitions that a consumer group assigns, such as those of a kafkarun.Runner.
// All cursors that were set within a flush interval, of whatever partitions, are written in one transaction
// together with the offsets of the group, so its price doesn't grow with partitions: 5 to 30 ms on one broker and 60 to
// 90 ms on three. Who else commits offsets of the group can leave that out. The group's coordinator takes it from a
// member of the current generation only. Whoever lost a partition and doesn't know can move none of its cursors, and
// gets ErrFenced.
//
// The Store is for the partitions of one member, see Join. Other cursors are ErrNotMember. The transactional ID
// is that of the process: no other that is alive has it, and it is best the same after a restart, as then what
// a crash left open is aborted at once. Otherwise it hides cursors from the next owner until it times out, after 10 s
// or WithTimeout, if that is less.
//
// It needs WRITE and DESCRIBE of the transactional ID, READ of the group and of the topic of the events, and Kafka 2.5. It
// excludes WithFencing.
func WithMemberFencing(transactionalID string) Option {
	return func(c *config) { c.memberFenced, c.transactionalID = true, transactionalID }
}

// WithPartitions says how many partitions the topic has, or is to have.
// Defaults to 1, which is enough for thousands of consumers. The key chooses the
// partition, so it can't be changed later.
func WithPartitions(n int32) Option {
	return func(c *config) { c.partitions = n }
}

// WithReplicationFactor sets how many brokers keep each cursor, if the topic is
// created. With 3 or more, writes need 2 of them (min.insync.replicas). Defaults to
// what the brokers have as default.
func WithReplicationFactor(n int16) Option {
	return func(c *config) { c.replicationFactor = n }
}

// WithoutCreate makes Open return ErrUnknownTopic where it would create the topic.
// Tools that only look should use it.
func WithoutCreate() Option {
	return func(c *config) { c.create = false }
}

// WithoutTopicValidation makes Open not ask how an existing topic is configured, for
// those who may not (DESCRIBE_CONFIGS of the topic). It is then up to you that
// cleanup.policy is exactly compact: anything else loses cursors in time.
func WithoutTopicValidation() Option {
	return func(c *config) { c.validate = false }
}

// brokerDefault is the replication factor that leaves the choice to the broker.
const brokerDefault = -1

// resolve applies the options and reports all that is wrong with them.
func resolve(topic string, opts []Option) (config, error) {
	c := config{
		partitions: 1, replicationFactor: brokerDefault, create: true, validate: true,
		flushInterval: defaultFlushInterval, timeout: defaultTimeout,
	}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{Kind: ErrInvalidOption, Topic: topic, Asked: asked, Do: do})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil Option", "leave it out")
			continue
		}
		opt(&c)
	}
	if topic == "" {
		invalid("a topic without a name", "give its name to Open")
	}
	if c.partitions < 1 {
		invalid(fmt.Sprintf("%d partitions", c.partitions), "give WithPartitions at least 1")
	}
	if c.replicationFactor < 1 && c.replicationFactor != brokerDefault {
		invalid(fmt.Sprintf("a replication factor of %d", c.replicationFactor), "give WithReplicationFactor at least 1, or leave it out")
	}
	if c.flushInterval < 0 || c.flushInterval > maxFlushInterval {
		invalid("a flush interval of "+c.flushInterval.String(), "give WithFlushInterval something from 0 to an hour")
	}
	if c.timeout < minTimeout || c.timeout > maxTimeout {
		invalid("a timeout of "+c.timeout.String(), "give WithTimeout something from a second to an hour")
	}
	if c.fenced && c.txnPrefix == "" {
		invalid("fencing without a prefix", "give WithFencing one, such as the name of the service")
	}
	if len(c.txnPrefix) > math.MaxInt16/2 {
		invalid("a transactional ID prefix that is too long", "give WithFencing a short one")
	}
	if c.memberFenced && c.transactionalID == "" {
		invalid("fencing of members without a transactional ID", "give WithMemberFencing one, such as the name of the service and of the instance")
	}
	if len(c.transactionalID) > math.MaxInt16/2 {
		invalid("a transactional ID that is too long", "give WithMemberFencing a short one")
	}
	if c.fenced && c.memberFenced {
		invalid("fencing of each cursor and of the member", "choose WithFencing or WithMemberFencing")
	}
	if len(wrong) == 1 {
		return c, wrong[0]
	}
	return c, errors.Join(wrong...)
}
