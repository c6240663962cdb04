package kafkaharness

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
)

// Broker is one of a cluster's containers. Its address outlives a restart.
type Broker struct {
	// ID is the broker's in the cluster, from 1.
	ID        int32
	addr      string
	container *testcontainers.DockerContainer
}

// Brokers returns the containers, by ID. There are none in a cluster that was given from outside.
func (c *Cluster) Brokers() []*Broker { return c.brokers }

// Broker returns the one with that ID.
func (c *Cluster) Broker(tb testing.TB, id int32) *Broker {
	tb.Helper()
	for _, b := range c.brokers {
		if b.ID == id {
			return b
		}
	}
	tb.Fatalf("there is no container of broker %d", id)
	return nil
}

// Stop ends the broker in good order.
func (b *Broker) Stop(tb testing.TB) {
	tb.Helper()
	patience := 30 * time.Second
	require.NoError(tb, b.container.Stop(tb.Context(), &patience), "stop broker %d", b.ID)
}

// Kill ends the broker as a power cut would.
func (b *Broker) Kill(tb testing.TB) {
	tb.Helper()
	b.docker(tb, "kill", func(ctx context.Context, docker *testcontainers.DockerClient) error {
		_, err := docker.ContainerKill(ctx, b.container.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
		return err
	})
}

// Start starts the broker again. It is up some seconds later, see Cluster.AwaitBrokers.
func (b *Broker) Start(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, b.container.Start(tb.Context()), "start broker %d", b.ID)
}

// Pause freezes the broker: it keeps its connections and answers nothing.
func (b *Broker) Pause(tb testing.TB) {
	tb.Helper()
	b.docker(tb, "pause", func(ctx context.Context, docker *testcontainers.DockerClient) error {
		_, err := docker.ContainerPause(ctx, b.container.GetContainerID(), client.ContainerPauseOptions{})
		return err
	})
}

// Resume ends a Pause.
func (b *Broker) Resume(tb testing.TB) {
	tb.Helper()
	b.docker(tb, "unpause", func(ctx context.Context, docker *testcontainers.DockerClient) error {
		_, err := docker.ContainerUnpause(ctx, b.container.GetContainerID(), client.ContainerUnpauseOptions{})
		return err
	})
}

func (b *Broker) docker(tb testing.TB, what string, do func(context.Context, *testcontainers.DockerClient) error) {
	tb.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(tb.Context())
	require.NoError(tb, err)
	defer func() { _ = docker.Close() }()
	require.NoError(tb, do(tb.Context(), docker), "%s broker %d", what, b.ID)
}

// Shell runs a script of bash in the container, and returns what it printed.
func (b *Broker) Shell(tb testing.TB, script string) string {
	tb.Helper()
	out, err := b.shell(tb.Context(), script)
	require.NoError(tb, err)
	return out
}

func (b *Broker) shell(ctx context.Context, script string) (string, error) {
	code, reader, err := b.container.Exec(ctx, []string{"bash", "-c", script}, exec.Multiplexed())
	if err != nil {
		return "", errors.Wrap(err, "run in container")
	}
	out, err := io.ReadAll(reader)
	if err != nil {
		return "", errors.Wrap(err, "read output of container")
	}
	if code != 0 {
		return "", errors.New("script failed in container", j.MKV{"code": code, "output": string(out)})
	}
	return string(out), nil
}

// Tool runs one of Kafka's command line tools by its class, against the cluster as
// seen from within. Input is given to it as its standard input. It returns what
// was printed.
func (b *Broker) Tool(tb testing.TB, input, class, args string) string {
	tb.Helper()
	require.NoError(tb, b.container.CopyToContainer(tb.Context(), []byte(input), "/tmp/input", 0o644))
	// Warnings of the logger come on standard error, and are no output.
	return b.Shell(tb, "java -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' "+class+
		" --bootstrap-server "+hostName(int(b.ID))+":9093 "+args+" </tmp/input 2>/tmp/errors || { cat /tmp/errors; exit 1; }")
}

// PartitionDir returns the folder of a partition's log in the container.
func (b *Broker) PartitionDir(topic string, partition string) string {
	return dataDir + "/" + topic + "-" + partition
}

// WriteFile replaces a file in the container, which may be stopped.
func (b *Broker) WriteFile(tb testing.TB, path string, content []byte) {
	tb.Helper()
	require.NoError(tb, b.container.CopyToContainer(tb.Context(), content, path, 0o666))
}

// ReadFile returns a file of the container, which may be stopped.
func (b *Broker) ReadFile(tb testing.TB, path string) []byte {
	tb.Helper()
	reader, err := b.container.CopyFileFromContainer(tb.Context(), path)
	require.NoError(tb, err)
	defer func() { _ = reader.Close() }()
	content, err := io.ReadAll(reader)
	require.NoError(tb, err)
	return content
}
