package kafkatest

import (
	"maps"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Option changes what New starts.
type Option func(*config)

// topic is one that exists as soon as the broker does.
type topic struct {
	name       string
	partitions int32
}

type config struct {
	brokers int
	port    int
	dataDir string
	topics  []topic
	configs map[string]string
	network *kfake.VirtualNetwork
	kfake   []kfake.Opt
}

// WithBrokers sets how many brokers form the cluster, 1 by default. More than
// one is for leader moves and node failures; it replicates nothing.
func WithBrokers(n int) Option {
	return func(c *config) { c.brokers = n }
}

// WithTopic creates a topic before the broker is handed out. With WithDataDir
// a topic of that name that is already there is left as it is. See
// Broker.CreateTopic for one with configs.
func WithTopic(name string, partitions int32) Option {
	return func(c *config) { c.topics = append(c.topics, topic{name: name, partitions: partitions}) }
}

// WithConfig sets a broker config, such as "transaction.max.timeout.ms". The
// name is not checked: one that kfake doesn't know changes nothing.
func WithConfig(name, value string) Option {
	return func(c *config) {
		if c.configs == nil {
			c.configs = make(map[string]string)
		}
		c.configs[name] = value
	}
}

// WithPort makes the first broker listen on a port of the loopback interface,
// and every further one on the next. By default they take free ones, which is
// right except where somebody outside the process must know the port, or a
// broker restarted with WithDataDir has to be found again.
func WithPort(port int) Option {
	return func(c *config) { c.port = port }
}

// WithDataDir keeps topics, records, committed group offsets and transactional
// state in a directory, so that a broker opened on it later goes on where the
// closed one stopped. By default everything is in memory. Only one broker at a
// time may use a directory, and New doesn't check that.
func WithDataDir(dir string) Option {
	return func(c *config) { c.dataDir = dir }
}

// WithVirtualNetwork serves on an in-memory network instead of loopback, which
// a bubble of testing/synctest needs for its clock to advance. Broker.Opts
// dials on the same network. The broker listens on port 9092 unless WithPort
// says otherwise.
func WithVirtualNetwork(network *kfake.VirtualNetwork) Option {
	return func(c *config) { c.network = network }
}

// WithKfake passes options to kfake as they are, for what has no option here:
// TLS, SASL, ACLs, older protocol versions. They win over the options here.
// Broker.Opts knows nothing of them: add the client's side yourself.
func WithKfake(opts ...kfake.Opt) Option {
	return func(c *config) { c.kfake = append(c.kfake, opts...) }
}

const (
	maxPort            = 1<<16 - 1
	defaultVirtualPort = 9092
)

// resolve applies the options and reports everything that is wrong with them.
func resolve(opts []Option) (config, error) {
	cfg := config{brokers: 1}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.network != nil && cfg.port == 0 {
		// A virtual network has no free ports to choose from.
		cfg.port = defaultVirtualPort
	}

	var wrong []error
	if cfg.brokers < 1 {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "there must be a broker", j.KV("brokers", cfg.brokers)))
	}
	if cfg.port < 0 || cfg.port+cfg.brokers-1 > maxPort {
		wrong = append(wrong, errors.Wrap(ErrInvalidOption, "there is no such port",
			j.MKV{"port": cfg.port, "brokers": cfg.brokers}))
	}
	seen := make(map[string]bool, len(cfg.topics))
	for _, t := range cfg.topics {
		if t.partitions < 1 {
			wrong = append(wrong, errors.Wrap(ErrInvalidOption, "a topic needs a partition",
				j.MKV{"topic": t.name, "partitions": t.partitions}))
		}
		if seen[t.name] {
			wrong = append(wrong, errors.Wrap(ErrInvalidOption, "the topic is given twice", j.KV("topic", t.name)))
		}
		seen[t.name] = true
	}
	return cfg, errors.Join(wrong...)
}

// cluster translates to the options of kfake.
func (c config) cluster() []kfake.Opt {
	opts := []kfake.Opt{kfake.NumBrokers(c.brokers)}
	if c.port != 0 {
		ports := make([]int, c.brokers)
		for i := range ports {
			ports[i] = c.port + i
		}
		opts = append(opts, kfake.Ports(ports...))
	}
	if c.dataDir != "" {
		opts = append(opts, kfake.DataDir(c.dataDir))
	}
	if len(c.configs) > 0 {
		opts = append(opts, kfake.BrokerConfigs(maps.Clone(c.configs)))
	}
	if c.network != nil {
		opts = append(opts, kfake.ListenFn(c.network.Listen))
	}
	return append(opts, c.kfake...)
}
