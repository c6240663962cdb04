package kafkastream

import (
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
)

// Option changes how a Partition is read.
type Option func(*config)

type config struct {
	decoder     Decoder // nil is the envelope
	fetchBytes  int32
	openTimeout time.Duration
}

const (
	defaultFetchBytes  = 4 << 20
	minFetchBytes      = 1 << 10
	defaultOpenTimeout = 5 * time.Second

	// batchBytes is what the events of one batch should take in memory. One batch
	// is in the hands of the consumer and one waits.
	batchBytes = 4 << 20

	// maxWait is how long an idle stream's fetch waits at the broker. New events
	// end the wait at once, so that a longer one would only save a few requests.
	maxWait = 5 * time.Second
)

// WithDecoder sets how records become events. By default they are what a
// Publisher writes, see Encode.
func WithDecoder(decoder Decoder) Option {
	return func(c *config) { c.decoder = decoder }
}

// WithFetchBytes sets how many bytes, as stored, are asked for at most in one
// request. Larger answers are faster and take more memory; less is asked for
// where the events are compressed so well that a batch of them would take more
// than about 4 MiB. A batch of the producer's that is larger is read all the same.
// Defaults to 4 MiB, and must be at least 1 KiB.
func WithFetchBytes(n int) Option {
	return func(c *config) {
		c.fetchBytes = int32(min(max(int64(n), 0), maxFetchBytes))
	}
}

// maxFetchBytes is what kgo reads in one response by default.
const maxFetchBytes = 100 << 20

// WithOpenTimeout sets how long Stream and Offsets try to reach the brokers before
// they return ErrUnreachable. A stream that is open waits for them for as long
// as its context allows. Defaults to 5 s, and must be positive.
func WithOpenTimeout(d time.Duration) Option {
	return func(c *config) { c.openTimeout = d }
}

// resolve applies the options and reports all that is wrong with them.
func resolve(topic string, partition int32, opts []Option) (config, error) {
	c := config{fetchBytes: defaultFetchBytes, openTimeout: defaultOpenTimeout}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{
			Kind: ErrInvalidOption, Topic: topic, Partition: partition,
			Offset: unknown, Start: unknown, End: unknown, Asked: asked, Do: do,
		})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil Option", "leave it out")
			continue
		}
		opt(&c)
	}
	if topic == "" {
		invalid("a topic without a name", "give its name to NewPartition")
	}
	if partition < 0 {
		invalid(fmt.Sprintf("partition %d", partition), "count partitions from 0")
	}
	if c.fetchBytes < minFetchBytes {
		invalid(fmt.Sprintf("fetches of %d bytes", c.fetchBytes), "give WithFetchBytes at least 1024")
	}
	if c.openTimeout <= 0 {
		invalid(fmt.Sprintf("an open timeout of %s", c.openTimeout), "give WithOpenTimeout a positive duration")
	}
	if len(wrong) == 1 {
		return c, wrong[0]
	}
	return c, errors.Join(wrong...)
}
