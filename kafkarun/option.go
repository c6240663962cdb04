package kafkarun

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/kafkastream"
)

// Option changes how a Runner runs.
type Option func(*config)

type config struct {
	group      string
	groupOpts  []kgo.GroupOpt
	mirror     string
	partitions []int32 // nil is all
	stream     []kafkastream.Option

	drain   time.Duration
	retry   growth.Plan
	parked  time.Duration
	commit  time.Duration
	look    time.Duration // at the ends of the logs
	refresh time.Duration // of what the topic is made of
	stuck   time.Duration
	slow    time.Duration
	logger  *slog.Logger
}

const (
	defaultDrain   = 10 * time.Second
	defaultRetry   = time.Second
	defaultLongest = time.Minute
	defaultParked  = 30 * time.Second
	defaultCommit  = time.Second
	defaultLook    = 5 * time.Second
	defaultRefresh = 30 * time.Second
	defaultStuck   = time.Minute
	defaultSlow    = time.Minute

	// cancelGrace is what logic has left to return once its context is done.
	cancelGrace = 5 * time.Second

	// kgo's own default.
	rebalanceTimeout = time.Minute
)

// WithGroup shares the partitions among all runners that name the same consumer group, in this process or any other. Without it a
// Runner runs all partitions.
//
// The group only hands out partitions. Where a consumer is, its cursors say, and they are the same without a group;
// the offsets that are committed in the group are for tools, see the package documentation.
//
// The options of kgo say how to be a member: kgo.ServerSideBalancer for KIP-848 (Kafka 4.0 or later),
// kgo.InstanceID for static membership, kgo.SessionTimeout, kgo.Balancers and so on. By default it is the classic
// protocol with cooperative-sticky assignment. kgo.RebalanceTimeout must be longer than the drain time and 5 s.
func WithGroup(name string, opts ...kgo.GroupOpt) Option {
	return func(c *config) { c.group, c.groupOpts = name, slices.Clone(opts) }
}

// WithMirrorGroup has the next offsets to read committed in a group that nobody is a member of, for tools that show lag, where there
// is no WithGroup. The group must not be one that has members, as Kafka takes no commits for such from others. It
// needs READ of the group.
func WithMirrorGroup(name string) Option {
	return func(c *config) { c.mirror = name }
}

// WithPartitions runs only these partitions, for those who hand them out themselves. It can't be used with WithGroup.
func WithPartitions(partitions ...int32) Option {
	return func(c *config) { c.partitions = append([]int32{}, partitions...) }
}

// WithStreamOptions sets how each partition is read.
func WithStreamOptions(opts ...kafkastream.Option) Option {
	return func(c *config) { c.stream = slices.Clone(opts) }
}

// WithDrainTime sets how long the event in hand has to be finished, with a live context, once its partition is
// taken away or Run's context is done. Then its context is cancelled, and 5 s later the partition
// is let go of in any case. Defaults to 10 s; 0 cancels at once.
func WithDrainTime(d time.Duration) Option {
	return func(c *config) { c.drain = d }
}

// WithRetry sets the pauses before a partition that has failed is run again: the first and the longest. They double
// with each failure at the same event, and are spread by 20 %. Defaults to 1 s and a minute.
func WithRetry(initial, longest time.Duration) Option {
	return func(c *config) { c.retry = growth.Plan{Initial: initial, Longest: longest} }
}

// WithParkedRetry sets how often a parked partition is looked at again: one whose failure somebody has to do something about, such as an
// expired cursor. Defaults to 30 s.
func WithParkedRetry(d time.Duration) Option {
	return func(c *config) { c.parked = d }
}

// WithCommitInterval sets how often the next offsets to read are committed in the group of WithGroup or WithMirrorGroup, for tools that show
// lag. Those that have not changed are committed again every 30th time, so that they don't expire.
// Defaults to 1 s; 0 commits none.
func WithCommitInterval(d time.Duration) Option {
	return func(c *config) { c.commit = d }
}

// WithLookInterval sets how often the brokers are asked where the logs end, which is what makes lag true while a
// partition is stuck. It is three requests to each broker, for all partitions together. Defaults to 5 s.
func WithLookInterval(d time.Duration) Option {
	return func(c *config) { c.look = d }
}

// WithRefreshInterval sets how often a topic is looked at for new partitions. Defaults to 30 s.
func WithRefreshInterval(d time.Duration) Option {
	return func(c *config) { c.refresh = d }
}

// WithStuckAfter sets after how long without progress a partition that has something to do counts as stuck. Defaults to a
// minute, and should be longer than the longest that logic takes for one event.
func WithStuckAfter(d time.Duration) Option {
	return func(c *config) { c.stuck = d }
}

// WithSlowAfter sets how old the oldest event that is not consumed may be before the partition counts as slow.
// Defaults to a minute.
func WithSlowAfter(d time.Duration) Option {
	return func(c *config) { c.slow = d }
}

// WithLogger logs what partitions fail with to a logger of slog. By default, and with nil, it is jettison's log.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) { c.logger = logger }
}

// resolve applies the options and reports all that is wrong with them.
func resolve(topic string, opts []Option) (config, error) {
	c := config{
		drain: defaultDrain, retry: growth.Plan{Initial: defaultRetry, Longest: defaultLongest}, parked: defaultParked,
		commit: defaultCommit, look: defaultLook, refresh: defaultRefresh, stuck: defaultStuck, slow: defaultSlow,
	}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{Kind: ErrInvalidOption, About: topic, Asked: asked, Do: do})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil Option", "leave it out")
			continue
		}
		opt(&c)
	}
	if topic == "" {
		invalid("a topic without a name", "give its name to New")
	}
	for _, p := range c.partitions {
		if p < 0 {
			invalid(fmt.Sprintf("partition %d", p), "count partitions from 0")
		}
	}
	if c.partitions != nil && c.group != "" {
		invalid("certain partitions and a group", "use WithPartitions or WithGroup, as a group hands out partitions itself")
	}
	if c.mirror != "" && c.group != "" {
		invalid("a group and another one that mirrors", "leave WithMirrorGroup out: the group itself has the offsets")
	}
	for name, d := range map[string]time.Duration{
		"WithRetry": min(c.retry.Initial, c.retry.Longest), "WithParkedRetry": c.parked, "WithLookInterval": c.look,
		"WithRefreshInterval": c.refresh, "WithStuckAfter": c.stuck, "WithSlowAfter": c.slow,
	} {
		if d <= 0 {
			invalid(name+" of "+d.String(), "give it a positive duration")
		}
	}
	for name, d := range map[string]time.Duration{"WithDrainTime": c.drain, "WithCommitInterval": c.commit} {
		if d < 0 {
			invalid(name+" of "+d.String(), "give it a duration that is not negative")
		}
	}
	return c, join(wrong)
}

// join is errors.Join that leaves one error alone as it is.
func join(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
