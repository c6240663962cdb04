package cursoradmin

import "time"

// Option changes how an Admin works.
type Option func(*config)

type config struct {
	timeout    time.Duration
	countLimit int64
	group      string
	create     bool
	force      bool
}

const (
	defaultTimeout = 10 * time.Second
	// defaultCountLimit is how many records can be read in about a second.
	defaultCountLimit = 100_000
)

func defaults() config { return config{timeout: defaultTimeout, countLimit: defaultCountLimit} }

// WithTimeout bounds each question to the brokers, beside its context. Defaults to 10 s.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithCountLimit sets up to how many offsets of a partition a plan reads to count the events in them. Beyond that, the number
// of offsets is the number of events at most, and Step.Exact is false. Defaults to 100 000; 0 reads nothing.
func WithCountLimit(n int64) Option {
	return func(c *config) { c.countLimit = n }
}

// WithGroup names the consumer group whose members run the consumer, where that is not its own name.
func WithGroup(group string) Option {
	return func(c *config) { c.group = group }
}

// WithNewConsumer lets a cursor be set for a consumer that has none in the topic, which otherwise is
// ErrUnknownConsumer, as it is most often a name that was mistyped.
func WithNewConsumer() Option {
	return func(c *config) { c.create = true }
}

// WithForce moves consumers that are at work, too: their Run ends with kafkacursor.ErrSuperseded.
func WithForce() Option {
	return func(c *config) { c.force = true }
}
