package kafkaharness

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// Image is the release of Kafka that tests run on.
	Image = "apache/kafka:4.3.1"
	// OldImage is the older one, whose clients fetch by the name of a topic or by
	// its ID with an older protocol, and whose transactions are of the first kind.
	OldImage = "apache/kafka:3.9.1"
)

// Lab holds the clusters of a test binary. Make one in TestMain. It is safe for
// concurrent use.
type Lab struct {
	prepared sync.Once // the engine, before its first use

	mu     sync.Mutex
	shared map[string]*slot
}

// slot is a shared cluster, or why there is none: whoever failed once would only
// fail again, after as long a wait.
type slot struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// New returns a lab without clusters. It contacts nobody.
func New() *Lab {
	return &Lab{shared: make(map[string]*slot)}
}

// Close removes the containers of the shared clusters. It takes a minute at most.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var wrong []error
	for _, s := range l.shared {
		if s.cluster != nil {
			wrong = append(wrong, s.cluster.remove(ctx))
		}
	}
	clear(l.shared)
	return errors.Join(wrong...)
}

// Cluster returns a cluster of at least that many brokers, shared with other tests.
func (l *Lab) Cluster(tb testing.TB, brokers int) *Cluster {
	tb.Helper()
	if c := l.external(tb, "KAFKA_BROKERS", brokers); c != nil {
		return c
	}
	return l.Containers(tb, brokers)
}

// Old returns a cluster of an older release, shared with other tests.
func (l *Lab) Old(tb testing.TB) *Cluster {
	tb.Helper()
	if c := l.external(tb, "KAFKA_BROKERS_OLD", 1); c != nil {
		return c
	}
	return l.containers(tb, Config{Brokers: 1, Image: imageOf("KAFKA_IMAGE_OLD", OldImage)},
		"set KAFKA_BROKERS_OLD=host:port,... to a cluster of an older release, or run Docker and let it have "+OldImage)
}

// Containers returns a cluster of containers, shared with other tests: they
// may run programs in it and read its files, and not stop it.
func (l *Lab) Containers(tb testing.TB, brokers int) *Cluster {
	tb.Helper()
	return l.containers(tb, Config{Brokers: brokers}, adviceContainers)
}

const adviceContainers = "run Docker and let it have " + Image + " (or KAFKA_IMAGE); most tests also take KAFKA_BROKERS=host:port,..."

func (l *Lab) containers(tb testing.TB, config Config, advice string) *Cluster {
	tb.Helper()
	config = config.withDefaults()
	l.mu.Lock()
	key := config.key()
	s := l.shared[key]
	if s == nil {
		s = &slot{}
		l.shared[key] = s
	}
	l.mu.Unlock()
	s.once.Do(func() {
		l.prepareEngine(tb)
		s.cluster, s.err = start(tb.Context(), config)
	})
	if s.err != nil {
		unavailable(tb, s.err, advice)
	}
	return s.cluster
}

func (l *Lab) prepareEngine(tb testing.TB) {
	tb.Helper()
	l.prepared.Do(func() { disableReaperWithoutImage(tb.Context()) })
}

// Own returns a cluster of containers that belongs to the test, which may do
// anything to it. It takes some seconds.
func (l *Lab) Own(tb testing.TB, config Config) *Cluster {
	tb.Helper()
	l.prepareEngine(tb)
	c, err := start(tb.Context(), config.withDefaults())
	if err != nil {
		unavailable(tb, err, adviceContainers)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.remove(ctx); err != nil {
			tb.Errorf("remove cluster: %v", err)
		}
	})
	return c
}

// external returns the cluster that the environment names if it has enough brokers.
func (l *Lab) external(tb testing.TB, env string, brokers int) *Cluster {
	tb.Helper()
	list := os.Getenv(env)
	if list == "" {
		return nil
	}
	c := &Cluster{opts: []kgo.Opt{kgo.SeedBrokers(strings.Split(list, ",")...)}, addrs: strings.Split(list, ",")}
	found, err := countBrokers(tb.Context(), c.Opts())
	if err != nil {
		// Named on purpose, so that it doesn't answer is a failure and no reason to look elsewhere.
		tb.Fatalf("%s=%s: %v", env, list, err)
	}
	if found < brokers {
		return nil
	}
	return c
}

func countBrokers(ctx context.Context, opts []kgo.Opt) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := kgo.NewClient(append(opts, kgo.DialTimeout(3*time.Second))...)
	if err != nil {
		return 0, errors.Wrap(err, "client")
	}
	defer client.Close()
	found, err := kadm.NewClient(client).ListBrokers(ctx)
	if err != nil {
		return 0, errors.Wrap(err, "list brokers", j.KV("addrs", client.OptValue(kgo.SeedBrokers)))
	}
	return len(found), nil
}

// Unavailable skips the test for want of something, or fails it with
// KAFKA_REQUIRED=1.
func Unavailable(tb testing.TB, why, advice string) {
	tb.Helper()
	if os.Getenv("KAFKA_REQUIRED") == "1" {
		tb.Fatalf("KAFKA_REQUIRED=1, but %s: %s", why, advice)
	}
	tb.Skipf("NOT TESTED: %s: %s; KAFKA_REQUIRED=1 makes this a failure", why, advice)
}

func unavailable(tb testing.TB, err error, advice string) {
	tb.Helper()
	if broken := (*brokenError)(nil); errors.As(err, &broken) {
		tb.Fatalf("Kafka does not start: %v", err)
	}
	Unavailable(tb, "no Kafka could be started ("+err.Error()+")", advice)
}

func imageOf(env, image string) string {
	if other := os.Getenv(env); other != "" {
		return other
	}
	return image
}

// Secured returns a broker with users and ACLs, see Config.SASL, shared with other tests.
func (l *Lab) Secured(tb testing.TB) *Cluster {
	tb.Helper()
	return l.containers(tb, Config{Brokers: 1, SASL: true}, adviceContainers)
}
