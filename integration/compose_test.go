package integration_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// The compose files give a Kafka that an event goes through.
func TestCompose(t *testing.T) {
	compose := composeCommand(t)
	for _, file := range []struct {
		name    string
		brokers int
	}{{"compose.yaml", 1}, {"compose-3.yaml", 3}} {
		t.Run(file.name, func(t *testing.T) {
			ports, err := kafkaharness.FreePorts(file.brokers)
			require.NoError(t, err)
			project := strings.ToLower(kafkaharness.Name(t))
			run := func(ctx context.Context, args ...string) {
				args = append(append(compose[1:], "-p", project, "-f", "../docker/"+file.name), args...)
				cmd := exec.CommandContext(ctx, compose[0], args...)
				cmd.Env = os.Environ()
				for i, port := range ports {
					cmd.Env = append(cmd.Env, fmt.Sprintf("KAFKA_PORT_%d=%d", i+1, port))
				}
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				run(ctx, "down", "-v", "-t", "1")
			})
			run(t.Context(), "up", "-d")
			roundTrip(t, ports)
		})
	}
}

// composeCommand returns Docker's plugin, or the older program of its own.
func composeCommand(t *testing.T) []string {
	t.Helper()
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.CommandContext(t.Context(), command[0], append(command[1:], "version")...).Run() == nil {
			return command
		}
	}
	kafkaharness.Unavailable(t, "there is no docker compose", "install Docker's plugin, or Debian's package docker-compose")
	return nil
}

// roundTrip publishes an event to a cluster that is coming up, and consumes it.
func roundTrip(t *testing.T, ports []int) {
	t.Helper()
	var addrs []string
	for _, port := range ports {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	kafka := []kgo.Opt{kgo.SeedBrokers(addrs...)}
	client, err := kgo.NewClient(append(kafka, kgo.RetryTimeout(time.Second))...)
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	require.Eventually(t, func() bool {
		brokers, err := admin.ListBrokers(t.Context())
		return err == nil && len(brokers) == len(ports)
	}, 2*time.Minute, 200*time.Millisecond)
	_, err = admin.CreateTopic(t.Context(), 1, -1, nil, "orders")
	require.NoError(t, err)

	p := newPublisher(t, kafka, "orders")
	_, err = p.Publish(t.Context(), &reflex.Event{ForeignID: "1", Type: eventType(1), MetaData: []byte("hello")})
	require.NoError(t, err)
	stream := openStream(t, kafkastream.NewPartition(kafka, "orders", 0), "")
	e, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, "hello", string(e.MetaData))
}
