package kafkatest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Broker is an embedded Kafka cluster, of one broker unless WithBrokers says
// more. It is safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	network *kfake.VirtualNetwork // nil is loopback
	addrs   []string

	// mu keeps Close from pulling the cluster from under a call: kfake blocks
	// for ever when asked anything after its end.
	mu     sync.RWMutex
	closed bool
}

// New starts a broker that serves until Close. Tests use Start.
//
// It returns ErrInvalidOption, or the error of the listener or data directory.
func New(opts ...Option) (*Broker, error) {
	cfg, err := resolve(opts)
	if err != nil {
		return nil, err
	}
	cluster, err := kfake.NewCluster(cfg.cluster()...)
	if err != nil {
		return nil, errors.Wrap(err, "start embedded broker")
	}
	b := &Broker{cluster: cluster, network: cfg.network, addrs: cluster.ListenAddrs()}
	for _, t := range cfg.topics {
		if cluster.TopicInfo(t.name) != nil {
			continue // from the data directory
		}
		if err := b.CreateTopic(t.name, t.partitions, nil); err != nil {
			b.Close()
			return nil, err
		}
	}
	return b, nil
}

// Close stops the broker and drops its connections; with WithDataDir its state
// is on disk when Close returns. Closing again does nothing. The goroutines of
// the broker end by themselves right after.
//
// Close clients first: one that is left open dials in vain from then on.
func (b *Broker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	b.cluster.Close()
}

// Addrs returns the addresses of the brokers as host:port. It stays valid
// after Close. Brokers added through Cluster are not in it.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

const (
	dialTimeout    = 2 * time.Second
	retryBackoff   = 20 * time.Millisecond
	metadataMinAge = 20 * time.Millisecond

	maxTopicLength = 249 // leaves room for the partition in the name of a directory
)

// Opts returns what a client needs to reach the broker, in a slice of the
// caller's own. Beside the addresses it holds short pauses: kgo waits up to
// 5 s for fresh metadata and up to 2.5 s between retries, made for clusters
// that are in trouble for minutes, so a test that refuses a request or loses a
// broker would mostly wait.
func (b *Broker) Opts() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(b.addrs...),
		kgo.DialTimeout(dialTimeout),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryBackoff }),
		kgo.DisableClientMetrics(),
	}
	if b.network != nil {
		opts = append(opts, kgo.Dialer(b.network.DialContext))
	}
	return opts
}

// CreateTopic creates a topic; nil configs are the defaults. It returns
// Kafka's error wrapped, such as kerr.TopicAlreadyExists, or ErrClosed.
func (b *Broker) CreateTopic(name string, partitions int32, configs map[string]string) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return errors.Wrap(ErrClosed, "create topic", j.KV("topic", name))
	}
	err := validTopic(name)
	if err == nil {
		err = b.cluster.CreateTopic(name, partitions, configs)
	}
	if err != nil {
		return errors.Wrap(err, "create topic", j.MKV{"topic": name, "partitions": partitions})
	}
	return nil
}

// validTopic refuses what Kafka does: kfake checks the names of topics only in
// requests, so a test could use one that no real cluster takes.
func validTopic(name string) error {
	legal := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	if name == "" || name == "." || name == ".." || len(name) > maxTopicLength ||
		strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }) {
		return kerr.InvalidTopicException
	}
	return nil
}

// Cluster returns the fake cluster underneath, for faults: Fault answers
// requests with an error, MoveTopicPartition and RemoveNode move leaders,
// DeleteRecords cuts the log's start, ControlKey answers as it likes.
//
// Its methods must not be called once the Broker is closed: they block.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }
