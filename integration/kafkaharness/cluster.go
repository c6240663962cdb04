package kafkaharness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Cluster is a running Apache Kafka.
type Cluster struct {
	opts    []kgo.Opt
	addrs   []string
	sasl    bool
	brokers []*Broker                     // none where it is not ours
	network *testcontainers.DockerNetwork // nil where it is not ours
}

// Addrs returns the addresses of brokers as host:port.
func (c *Cluster) Addrs() []string { return slices.Clone(c.addrs) }

// Opts returns what a client needs to reach the cluster, in a slice of the caller's
// own. Where there are users it is those of Admin.
func (c *Cluster) Opts() []kgo.Opt {
	if c.sasl {
		return c.OptsAs(Admin, password)
	}
	return slices.Clone(c.opts)
}

// OptsAs returns what a client needs to reach the cluster as a user. An empty
// password is the right one.
func (c *Cluster) OptsAs(user, pass string) []kgo.Opt {
	if pass == "" {
		pass = password
	}
	return append(slices.Clone(c.opts), kgo.SASL(plain.Auth{User: user, Pass: pass}.AsMechanism()))
}

// Client returns a client that is closed after the test.
func (c *Cluster) Client(tb testing.TB, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	client, err := kgo.NewClient(append(append(c.Opts(), kgo.MetadataMinAge(100*time.Millisecond)), opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	return client
}

// Admin returns a client for administration that is closed after the test.
func (c *Cluster) Admin(tb testing.TB) *kadm.Client {
	tb.Helper()
	return kadm.NewClient(c.Client(tb))
}

// Topic makes a topic with a name that nobody else has, replicated as the brokers see fit. It
// is removed after the test. Configs are pairs of name and value.
func (c *Cluster) Topic(tb testing.TB, partitions int32, configs ...string) string {
	tb.Helper()
	name := Name(tb)
	c.CreateTopic(tb, name, partitions, configs...)
	tb.Cleanup(func() { c.DeleteTopic(tb, name) })
	return name
}

// Name returns a name that nobody else has, for a topic or a transactional id.
func Name(tb testing.TB) string {
	tb.Helper()
	legal := func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}
	test := strings.Map(legal, tb.Name())
	return fmt.Sprintf("kreflex-it-%s-%08x", test[:min(len(test), 120)], rand.Uint32())
}

// CreateTopic makes a topic and waits until all brokers know it.
func (c *Cluster) CreateTopic(tb testing.TB, name string, partitions int32, configs ...string) {
	tb.Helper()
	var set map[string]*string
	for i := 0; i+1 < len(configs); i += 2 {
		if set == nil {
			set = make(map[string]*string)
		}
		set[configs[i]] = &configs[i+1]
	}
	admin := c.Admin(tb)
	_, err := admin.CreateTopic(tb.Context(), partitions, -1, set, name)
	require.NoError(tb, err, "create topic %s", name)
	c.awaitTopic(tb, admin, name, true)
}

// DeleteTopic removes a topic, if it is there, and waits until it is gone.
func (c *Cluster) DeleteTopic(tb testing.TB, name string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second) // that of the test may be done
	defer cancel()
	client, err := kgo.NewClient(c.Opts()...)
	require.NoError(tb, err)
	defer client.Close()
	// What can't be removed, as the cluster was stopped by the test, is in nobody's way.
	_, _ = kadm.NewClient(client).DeleteTopic(ctx, name)
}

// awaitTopic waits until all brokers know the topic with leaders, or don't know it.
func (c *Cluster) awaitTopic(tb testing.TB, admin *kadm.Client, name string, there bool) {
	tb.Helper()
	agreed := func() bool {
		brokers, err := admin.ListBrokers(tb.Context())
		if err != nil {
			return false
		}
		for _, b := range brokers {
			if known, err := knows(tb.Context(), c.Opts(), b, name); err != nil || known != there {
				return false
			}
		}
		return true
	}
	require.Eventually(tb, agreed, 20*time.Second, 20*time.Millisecond, "topic %s there: %v", name, there)
}

// knows asks one broker for the topic.
func knows(ctx context.Context, opts []kgo.Opt, broker kadm.BrokerDetail, topic string) (bool, error) {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(fmt.Sprintf("%s:%d", broker.Host, broker.Port)))...)
	if err != nil {
		return false, err
	}
	defer client.Close()
	resp, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return false, err
	}
	detail, ok := resp[topic]
	if !ok || detail.Err != nil || len(detail.Partitions) == 0 {
		return false, nil
	}
	for _, p := range detail.Partitions {
		if p.Err != nil || p.Leader < 0 {
			return false, nil
		}
	}
	return true, nil
}
