package kafkaharness

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/moby/moby/api/types/container"
	dockernetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

const (
	// startTimeout is for pulling the image too.
	startTimeout = 4 * time.Minute
	// comeUpTimeout is for containers that run.
	comeUpTimeout = time.Minute
)

// Start starts a cluster of containers for a program that is no test; tests ask a Lab. On an
// error none is left. Remove it with Cluster.Close.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	disableReaperWithoutImage(ctx)
	return start(ctx, config.withDefaults())
}

// Close removes the containers of a cluster from Start.
func (c *Cluster) Close(ctx context.Context) error { return c.remove(ctx) }

// start starts containers. On an error none is left.
func start(ctx context.Context, config Config) (_ *Cluster, err error) {
	// A shared cluster outlives the test that asked first.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()

	c := &Cluster{sasl: config.SASL}
	defer func() {
		if err != nil {
			removing, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer done()
			_ = c.remove(removing) // the error that counts is the first
		}
	}()
	if c.network, err = newNetwork(ctx); err != nil {
		return nil, err
	}
	host, err := engineHost(ctx, c.network)
	if err != nil {
		return nil, err
	}
	ports, err := FreePorts(config.Brokers)
	if err != nil {
		return nil, err
	}
	for i, port := range ports {
		addr := net.JoinHostPort(host, fmt.Sprint(port))
		c.addrs = append(c.addrs, addr)
		c.brokers = append(c.brokers, &Broker{ID: int32(i + 1), addr: addr})
	}
	c.opts = []kgo.Opt{kgo.SeedBrokers(c.addrs...)}

	var group errgroup.Group
	for i, b := range c.brokers {
		group.Go(func() (err error) {
			b.container, err = run(ctx, config, c.network, int(b.ID), host, ports[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	coming, cancel := context.WithTimeout(ctx, comeUpTimeout)
	defer cancel()
	if err := c.awaitBrokers(coming); err != nil {
		return nil, &brokenError{err}
	}
	return c, nil
}

// brokenError says that there are containers, but no Kafka comes up in them. That
// is never a reason to skip.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// entrypoint leaves out the setup where it was done: not every build of the
// image takes a container that is started again, as the data are formatted already.
const entrypoint = `
if [ -e ` + dataDir + `/meta.properties ]; then
  exec java $KAFKA_HEAP_OPTS -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml \
    -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
fi
exec /etc/kafka/docker/run`

func run(ctx context.Context, config Config, net *testcontainers.DockerNetwork, id int, host string, port int) (*testcontainers.DockerContainer, error) {
	inside := dockernetwork.MustParsePort(fmt.Sprintf("%d/tcp", hostPort))
	c, err := testcontainers.Run(ctx, config.Image,
		testcontainers.WithEnv(config.env(id, host, port)),
		testcontainers.WithEntrypoint("bash", "-c", entrypoint),
		testcontainers.WithExposedPorts(inside.String()),
		network.WithNetwork([]string{hostName(id)}, net),
		testcontainers.WithHostConfigModifier(func(hc *container.HostConfig) {
			// A fixed port of the host stays the same when the container is
			// stopped and started, and is known when Kafka has to be told.
			hc.PortBindings = dockernetwork.PortMap{inside: {{HostIP: bindIP(host), HostPort: fmt.Sprint(port)}}}
		}),
	)
	return c, errors.Wrap(err, "start container", j.MKV{"image": config.Image, "broker": id})
}

// bindIP keeps brokers, which anybody may use, off other machines' networks where the engine is
// on this one.
func bindIP(host string) netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return ip
	}
	return netip.IPv4Unspecified()
}

// newNetwork is the first to need an engine.
func newNetwork(ctx context.Context) (made *testcontainers.DockerNetwork, err error) {
	defer func() {
		if r := recover(); r != nil { // that is how testcontainers says that there is none
			made, err = nil, fmt.Errorf("no container engine: %v", r)
		}
	}()
	made, err = network.New(ctx)
	return made, errors.Wrap(err, "create network")
}

// engineHost returns the host that published ports are on.
func engineHost(ctx context.Context, made *testcontainers.DockerNetwork) (string, error) {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return "", errors.Wrap(err, "no container engine")
	}
	defer func() { _ = provider.Close() }()
	host, err := provider.DaemonHost(ctx)
	if err != nil {
		return "", errors.Wrap(err, "host of container engine")
	}
	if _, override := os.LookupEnv("TESTCONTAINERS_HOST_OVERRIDE"); override {
		return host, nil
	}
	// In a container that runs an engine of its own, testcontainers takes the engine
	// to be outside. And localhost may be ::1 first, where no port is bound.
	here, err := isHere(ctx, provider, made)
	if host == "localhost" || here {
		return "127.0.0.1", err
	}
	return host, err
}

// isHere reports whether the engine is on this machine, or in this container: it
// gives the machine an address in each network that it makes.
func isHere(ctx context.Context, provider *testcontainers.DockerProvider, made *testcontainers.DockerNetwork) (bool, error) {
	inspect, err := provider.Client().NetworkInspect(ctx, made.ID, client.NetworkInspectOptions{})
	if err != nil {
		return false, errors.Wrap(err, "inspect network")
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false, errors.Wrap(err, "addresses of this machine")
	}
	for _, config := range inspect.Network.IPAM.Config {
		for _, addr := range addrs {
			if prefix, err := netip.ParsePrefix(addr.String()); err == nil && config.Subnet.Contains(prefix.Addr()) {
				return true, nil
			}
		}
	}
	return false, nil
}

// FreePorts returns ports of the host that nobody listens on. They are below
// the range that systems take for outgoing connections: such a connection could hold the
// port of a broker that is stopped, and would keep it from starting.
func FreePorts(n int) ([]int, error) {
	const low, high, attempts = 20000, 29000, 1000
	var ports []int
	for range attempts {
		if len(ports) == n {
			return ports, nil
		}
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return nil, errors.Wrap(err, "look for a free port")
		}
		ports = append(ports, port)
	}
	return nil, errors.New("no free ports", j.MKV{"wanted": n, "from": low, "to": high})
}

// AwaitBrokers waits until all brokers are up and know each other.
func (c *Cluster) AwaitBrokers(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), comeUpTimeout)
	defer cancel()
	require.NoError(tb, c.awaitBrokers(ctx))
}

func (c *Cluster) awaitBrokers(ctx context.Context) error {
	var last error
	for ctx.Err() == nil {
		ready := true
		for _, b := range c.brokers {
			if last = c.seesAll(ctx, b); last != nil {
				ready = false
				break
			}
		}
		if ready {
			return nil
		}
		if err := c.firstDead(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("brokers did not come up: %w: %w", ctx.Err(), last)
}

// seesAll asks one broker whether all are there.
func (c *Cluster) seesAll(ctx context.Context, b *Broker) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(append(c.Opts(), kgo.SeedBrokers(b.addr), kgo.DialTimeout(time.Second),
		kgo.RequestRetries(0))...)
	if err != nil {
		return errors.Wrap(err, "client")
	}
	defer cl.Close()
	meta, err := kadm.NewClient(cl).BrokerMetadata(ctx)
	if err != nil {
		return errors.Wrap(err, "metadata")
	}
	if len(meta.Brokers) != len(c.brokers) {
		return fmt.Errorf("found %d brokers of %d", len(meta.Brokers), len(c.brokers))
	}
	return nil
}

// firstDead returns an error with the last words of a broker that ended.
func (c *Cluster) firstDead(ctx context.Context) error {
	for _, b := range c.brokers {
		state, err := b.container.State(ctx)
		if err != nil {
			return errors.Wrap(err, "state of container")
		}
		if state.Running {
			continue
		}
		var words string
		if logs, err := b.container.Logs(ctx); err == nil {
			all, _ := io.ReadAll(logs)
			lines := strings.Split(strings.TrimSpace(string(all)), "\n")
			words = strings.Join(lines[max(0, len(lines)-10):], "\n")
			_ = logs.Close()
		}
		return fmt.Errorf("broker %d ended with code %d, its last words: %s", b.ID, state.ExitCode, words)
	}
	return nil
}

// remove removes containers and network.
func (c *Cluster) remove(ctx context.Context) error {
	var group errgroup.Group
	for _, b := range c.brokers {
		group.Go(func() error {
			return testcontainers.TerminateContainer(b.container, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0))
		})
	}
	err := group.Wait()
	if c.network != nil {
		err = errors.Join(err, c.network.Remove(ctx))
	}
	return err
}
