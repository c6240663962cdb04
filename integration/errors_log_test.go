package integration_test

import (
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

// logErrors are those of a log that lost something.
func logErrors() []provocation {
	return []provocation{
		{"log: expired", kafkastream.ErrExpired, atOnce, expired},
		{"log: recreated, running", kafkastream.ErrTopicRecreated, 10 * time.Second, recreatedRunning},
		{"log: recreated, across a restart", kafkastream.ErrTopicRecreated, atOnce, recreatedAcrossRestart},
		{"log: deleted, running", kafkastream.ErrUnknownTopic, 20 * time.Second, deletedRunning},
		{"log: truncated, running", kafkastream.ErrTruncated, 20 * time.Second, truncatedRunning},
		{"log: truncated, across a restart", kafkastream.ErrTruncated, atOnce, truncatedAcrossRestart},
		{"log: corrupt batch", kafkastream.ErrCorrupt, 10 * time.Second, corruptBatch},
	}
}

// Retention passes a consumer that is down.
func expired(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	topic := cluster.Topic(t, 1)
	publish(t, cluster, topic, 0, 9)
	require.NoError(t, deleteRecords(t.Context(), cluster.Admin(t), topic, 6))
	return timed(func() error { return firstError(t.Context(), kafkastream.NewPartition(cluster.Opts(), topic, 0), "2") })
}

// The topic is deleted and created again below a stream.
func recreatedRunning(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	topic := cluster.Topic(t, 1)
	publish(t, cluster, topic, 0, 9)
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	stream := openStream(t, orders, "")
	receive(t, orders, stream, 10)
	recreate(t, cluster, topic)
	return timed(func() error { _, err := stream.Recv(); return err })
}

// The topic is deleted and created again while the consumer is down; the new one has as
// many events, so that only the cursor can tell.
func recreatedAcrossRestart(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	topic := cluster.Topic(t, 1)
	publish(t, cluster, topic, 0, 9)
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	cursor := receive(t, orders, openStream(t, orders, ""), 5)
	recreate(t, cluster, topic)
	publish(t, cluster, topic, 100, 109)
	return timed(func() error {
		return firstError(t.Context(), kafkastream.NewPartition(cluster.Opts(), topic, 0), cursor)
	})
}

func recreate(t *testing.T, cluster *kafkaharness.Cluster, topic string) {
	t.Helper()
	admin := cluster.Admin(t)
	_, err := admin.DeleteTopic(t.Context(), topic)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := admin.CreateTopic(t.Context(), 1, -1, nil, topic)
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
}

// The topic is deleted below a stream, and nobody creates it again.
func deletedRunning(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Cluster(t, 1)
	topic := cluster.Topic(t, 1)
	publish(t, cluster, topic, 0, 9)
	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	stream := openStream(t, orders, "")
	receive(t, orders, stream, 10)
	_, err := cluster.Admin(t).DeleteTopic(t.Context(), topic)
	require.NoError(t, err)
	return timed(func() error { _, err := stream.Recv(); return err })
}

// A stream is open while its log is truncated. The time is counted from when
// the new leader is known.
func truncatedRunning(t *testing.T) (time.Duration, error) {
	t.Helper()
	log := newTruncatedLog(t)
	log.truncate(t)
	return timed(func() error { _, err := log.stream.Recv(); return err })
}

// A consumer that was down meets the log when it has grown again beyond its cursor.
func truncatedAcrossRestart(t *testing.T) (time.Duration, error) {
	t.Helper()
	log := newTruncatedLog(t)
	closeStream(log.stream)
	log.truncate(t)
	publish(t, log.cluster, log.topic, 100, 129)
	return timed(func() error {
		return firstError(t.Context(), kafkastream.NewPartition(log.cluster.Opts(), log.topic, 0), log.cursor)
	})
}

// truncatedLog has 20 consumed events, the last ten on one of its two replicas only.
type truncatedLog struct {
	cluster          *kafkaharness.Cluster
	topic            string
	leader, follower int32
	stream           reflex.StreamClient
	cursor           string // of the last event
}

func newTruncatedLog(t *testing.T) truncatedLog {
	t.Helper()
	log := truncatedLog{cluster: lab.Own(t, kafkaharness.Config{Brokers: 3}), topic: kafkaharness.Name(t)}
	admin := log.cluster.Admin(t)
	unclean, one := "true", "1"
	_, err := admin.CreateTopic(t.Context(), 1, 2, map[string]*string{
		"unclean.leader.election.enable": &unclean, "min.insync.replicas": &one,
	}, log.topic)
	require.NoError(t, err)
	publish(t, log.cluster, log.topic, 0, 9)
	log.leader, log.follower = replicas(t, admin, log.topic)
	log.cluster.Broker(t, log.follower).Stop(t)
	publish(t, log.cluster, log.topic, 10, 19)
	orders := kafkastream.NewPartition(log.cluster.Opts(), log.topic, 0)
	log.stream = openStream(t, orders, "")
	log.cursor = receive(t, orders, log.stream, 20)
	return log
}

// truncate kills the leader, which has all events, and brings the follower back, which has
// half of them and is made leader all the same (unclean.leader.election.enable).
func (log truncatedLog) truncate(t *testing.T) {
	t.Helper()
	log.cluster.Broker(t, log.leader).Kill(t)
	log.cluster.Broker(t, log.follower).Start(t)
	admin := log.cluster.Admin(t)
	require.Eventually(t, func() bool {
		topics, err := admin.ListTopics(t.Context(), log.topic)
		return err == nil && topics[log.topic].Partitions[0].Leader == log.follower
	}, 90*time.Second, 100*time.Millisecond, "unclean election")
}

// replicas returns the leader and the follower of a partition with two replicas in sync.
func replicas(t *testing.T, admin *kadm.Client, topic string) (leader, follower int32) {
	t.Helper()
	require.Eventually(t, func() bool {
		topics, err := admin.ListTopics(t.Context(), topic)
		if err != nil || len(topics[topic].Partitions[0].ISR) != 2 {
			return false
		}
		p := topics[topic].Partitions[0]
		leader = p.Leader
		follower = p.ISR[0] + p.ISR[1] - leader
		return true
	}, 20*time.Second, 50*time.Millisecond)
	return leader, follower
}

// A byte of a stored batch changes, as on a bad disk.
func corruptBatch(t *testing.T) (time.Duration, error) {
	t.Helper()
	cluster := lab.Own(t, kafkaharness.Config{})
	topic := cluster.Topic(t, 1)
	publish(t, cluster, topic, 0, 9)
	produce(t, cluster, &kgo.Record{Topic: topic, Value: []byte("NEEDLE")}, kgo.ProducerBatchCompression(kgo.NoCompression()))

	broker := cluster.Broker(t, 1)
	broker.Stop(t)
	segment := broker.PartitionDir(topic, "0") + "/00000000000000000000.log"
	content := string(broker.ReadFile(t, segment))
	require.Contains(t, content, "NEEDLE")
	broker.WriteFile(t, segment, []byte(strings.Replace(content, "NEEDLE", "BEETLE", 1)))
	broker.Start(t)
	cluster.AwaitBrokers(t)

	orders := kafkastream.NewPartition(cluster.Opts(), topic, 0)
	stream := openStream(t, orders, "")
	receive(t, orders, stream, 10) // what is before the batch is delivered
	return timed(func() error { _, err := stream.Recv(); return err })
}
