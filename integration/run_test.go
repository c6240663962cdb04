package integration_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkarun"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Kafka's own tool shows the lag that the runner's status does: while one partition is stuck and others move, and at rest, also
// where the log ends with the marker of a transaction.
func TestKafkasToolShowsTheLagOfARunner(t *testing.T) {
	cluster := lab.Containers(t, 1)
	for _, protocol := range []struct {
		name string
		opts []kgo.GroupOpt
	}{{"classic", nil}, {"kip848", []kgo.GroupOpt{kgo.ServerSideBalancer()}}} {
		t.Run(protocol.name, func(t *testing.T) {
			topic, group := cluster.Topic(t, 3), kafkaharness.Name(t)
			store, _ := openStore(t, cluster)
			release := make(chan struct{})
			runner, err := kafkarun.New(cluster.Opts(), topic, store, func(p kafkarun.Part) reflex.Spec {
				return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
					if p.Partition == 1 && e.ID == "4" {
						select {
						case <-release:
						case <-ctx.Done():
						}
					}
					return ctx.Err()
				}))
			}, kafkarun.WithGroup(group, protocol.opts...), kafkarun.WithCommitInterval(100*time.Millisecond), kafkarun.WithLookInterval(200*time.Millisecond))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- runner.Run(ctx) }()

			publisher, err := kafkastream.NewPublisher(cluster.Opts(), topic, kafkastream.WithTransactionalID(kafkaharness.Name(t)))
			require.NoError(t, err)
			defer func() { require.NoError(t, publisher.Close()) }()
			require.NoError(t, publisher.Transact(t.Context(), func(tx *kafkastream.Tx) error {
				for i := range 60 {
					if err := tx.Publish(t.Context(), &reflex.Event{ForeignID: fmt.Sprint("order-", i)}); err != nil {
						return err
					}
				}
				return nil
			}))

			requireToolAgrees(t, cluster, runner, group, func(lag map[int32]int64) bool {
				return len(lag) == 3 && lag[0] == 0 && lag[1] > 5 && lag[2] == 0
			})
			close(release)
			requireToolAgrees(t, cluster, runner, group, func(lag map[int32]int64) bool {
				return len(lag) == 3 && lag[0] == 0 && lag[1] == 0 && lag[2] == 0
			})
			cancel()
			require.ErrorIs(t, <-done, context.Canceled)
			// And when nobody runs any more.
			require.Equal(t, map[int32]int64{0: 0, 1: 0, 2: 0}, toolLag(t, cluster, group))
		})
	}
}

// requireToolAgrees waits until the runner's lag is as expected, and until the tool shows the same.
func requireToolAgrees(t *testing.T, cluster *kafkaharness.Cluster, runner *kafkarun.Runner, group string, expected func(map[int32]int64) bool) {
	t.Helper()
	lag := func() map[int32]int64 {
		all := map[int32]int64{}
		for _, p := range runner.Status().Partitions {
			all[p.Partition] = p.Lag
		}
		return all
	}
	require.Eventually(t, func() bool { return expected(lag()) }, 30*time.Second, 20*time.Millisecond, "status")
	var shown map[int32]int64
	deadline := time.Now().Add(30 * time.Second)
	for shown = toolLag(t, cluster, group); !expected(shown) && time.Now().Before(deadline); {
		shown = toolLag(t, cluster, group)
	}
	require.Equal(t, lag(), shown)
}

// toolLag is what kafka-consumer-groups says of the group's lag, by partition.
func toolLag(t *testing.T, cluster *kafkaharness.Cluster, group string) map[int32]int64 {
	t.Helper()
	out := cluster.Broker(t, 1).Tool(t, "", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe --group "+group)
	all := map[int32]int64{}
	var partition, lag int
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		for i, f := range fields {
			switch f {
			case "PARTITION":
				partition = i
			case "LAG":
				lag = i
			}
		}
		if len(fields) == 0 || fields[0] != group {
			continue
		}
		p, err := strconv.Atoi(fields[partition])
		require.NoError(t, err, out)
		n, err := strconv.ParseInt(fields[lag], 10, 64)
		if errors.Is(err, strconv.ErrSyntax) {
			n = -1 // nothing was committed
		}
		all[int32(p)] = n
	}
	return all
}

var _ kafkarun.Cursors = (*kafkacursor.Store)(nil)
