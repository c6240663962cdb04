package integration_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

var errNotYet = errors.New("not yet")

// A consumer begins at the head, of an empty topic or of one whose leader has changed, and fails with its first
// event. Its process ends, and the leader changes again: the next process begins with that event.
func TestBootstrapLosesNothing(t *testing.T) {
	for _, kafka := range kafkas() {
		for _, before := range []int{0, 5} {
			t.Run(kafka.name+" after "+strconv.Itoa(before), func(t *testing.T) {
				testBootstrap(t, kafka.cluster(t), before)
			})
		}
	}
}

func testBootstrap(t *testing.T, cluster *kafkaharness.Cluster, before int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	topic, cursors := cluster.Topic(t, 1), kafkaharness.Name(t)+"-cursors"
	writer := cluster.Client(t, kgo.DefaultProduceTopic(topic))
	publish := func() {
		moveLeader(ctx, t, cluster.Admin(t), topic)
		require.NoError(t, writer.ProduceSync(ctx, kgo.StringRecord("value")).FirstErr())
	}
	life := func(opened func(), fn reflex.ConsumerFunc, opts ...reflex.StreamOption) error {
		store, err := kafkacursor.Open(ctx, cluster.Opts(), cursors)
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		partition := kafkastream.NewPartition(cluster.Opts(), topic, 0)
		// Something else in the process knows the beginning of the log only.
		other, err := partition.Stream(ctx, "")
		require.NoError(t, err)
		defer other.(interface{ Close() error }).Close()
		if before > 0 {
			_, err = other.Recv()
			require.NoError(t, err)
		}
		stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			client, err := partition.Stream(ctx, after, opts...)
			opened()
			return client, err
		}
		consumer := reflex.NewConsumer("test", fn, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		return reflex.Run(ctx, rpatterns.NewBootstrapSpec(stream, store.For(partition), consumer, opts...))
	}

	for range before {
		publish()
	}
	for range 2 {
		err := life(publish, func(context.Context, *reflex.Event) error { return errNotYet })
		require.ErrorIs(t, err, errNotYet)
	}
	var got []string
	err := life(func() {}, func(_ context.Context, e *reflex.Event) error {
		got = append(got, e.ID)
		return nil
	}, reflex.WithStreamToHead())
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	require.Equal(t, []string{strconv.Itoa(before), strconv.Itoa(before + 1)}, got)
}

// moveLeader makes another broker the leader, where there is another.
func moveLeader(ctx context.Context, t *testing.T, admin *kadm.Client, topic string) {
	t.Helper()
	leaderOf := func() (kadm.PartitionDetail, error) {
		topics, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return kadm.PartitionDetail{}, err
		}
		return topics[topic].Partitions[0], nil
	}
	before, err := leaderOf()
	require.NoError(t, err)
	if len(before.Replicas) < 2 {
		return
	}
	order := slices.DeleteFunc(slices.Clone(before.Replicas), func(id int32) bool { return id == before.Leader })
	var req kadm.AlterPartitionAssignmentsReq
	req.Assign(topic, 0, append(order, before.Leader))
	resp, err := admin.AlterPartitionAssignments(ctx, req)
	require.NoError(t, err)
	require.NoError(t, resp.Error())
	var partitions kadm.TopicsSet
	partitions.Add(topic, 0)
	require.Eventually(t, func() bool {
		// It may already be so, which is an error.
		_, err = admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, partitions)
		if err != nil {
			return false
		}
		now, err := leaderOf()
		return err == nil && now.Leader == order[0]
	}, 20*time.Second, 50*time.Millisecond)
}
