package kafkadeadletter

import (
	"fmt"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/topics"
)

// Option changes what Open opens.
type Option func(*config)

type config struct {
	replicationFactor int16
	maxLetterBytes    int32
	create            bool
	validate          bool
	timeout           time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	// minTimeout is the least that kgo has for RecordDeliveryTimeout.
	minTimeout = time.Second
	maxTimeout = time.Hour

	// defaultMaxLetterBytes is ten times what a topic takes by default: a letter is larger than its
	// event, and must not be refused for it.
	defaultMaxLetterBytes = 10 << 20
	minMaxLetterBytes     = 1 << 10
	maxMaxLetterBytes     = 64 << 20 // below the 100 MiB that kgo and Kafka have for a request
)

// WithTimeout bounds each call that writes, beside its context. A call that reads fails if nothing
// moves for as long. Defaults to 10 s; between a second and an hour.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithReplicationFactor sets how many brokers keep each letter, if the topic is
// created. With 3 or more, writes need 2 of them (min.insync.replicas). Defaults to
// what the brokers have as default.
func WithReplicationFactor(n int16) Option {
	return func(c *config) { c.replicationFactor = n }
}

// WithMaxLetterBytes sets how large a letter may be, if the topic is created: its max.message.bytes.
// It should be well above what the topics of the events have, as a letter is an event and more. Defaults to 10 MiB; between
// 1 KiB and 64 MiB.
func WithMaxLetterBytes(n int) Option {
	return func(c *config) { c.maxLetterBytes = int32(min(max(int64(n), 0), maxMaxLetterBytes+1)) }
}

// WithoutCreate makes Open return ErrUnknownTopic where it would create the topic.
// Tools that only look should use it.
func WithoutCreate() Option {
	return func(c *config) { c.create = false }
}

// WithoutTopicValidation makes Open not ask how an existing topic is configured, for
// those who may not (DESCRIBE_CONFIGS of the topic). It is then up to you that
// cleanup.policy is exactly compact: anything else loses letters in time. Letters are then limited by
// kgo.ProducerBatchMaxBytes among the Kafka options, about 1 MB by default.
func WithoutTopicValidation() Option {
	return func(c *config) { c.validate = false }
}

// resolve applies the options and reports all that is wrong with them.
func resolve(topic string, opts []Option) (config, error) {
	c := config{
		replicationFactor: topics.BrokerDefault, maxLetterBytes: defaultMaxLetterBytes,
		create: true, validate: true, timeout: defaultTimeout,
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
	if c.replicationFactor < 1 && c.replicationFactor != topics.BrokerDefault {
		invalid(fmt.Sprintf("a replication factor of %d", c.replicationFactor), "give WithReplicationFactor at least 1, or leave it out")
	}
	if c.maxLetterBytes < minMaxLetterBytes || c.maxLetterBytes > maxMaxLetterBytes {
		invalid(fmt.Sprintf("letters of up to %d bytes", c.maxLetterBytes), "give WithMaxLetterBytes something from 1 KiB to 64 MiB")
	}
	if c.timeout < minTimeout || c.timeout > maxTimeout {
		invalid("a timeout of "+c.timeout.String(), "give WithTimeout something from a second to an hour")
	}
	if len(wrong) == 1 {
		return c, wrong[0]
	}
	return c, errors.Join(wrong...)
}
