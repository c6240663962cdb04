package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
)

const consumerGroups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

// At rest the lag is the one that Kafka's own tool shows for a group that has committed the offset behind each cursor, markers
// of transactions included.
func TestLagIsTheOneOfKafkasTool(t *testing.T) {
	cluster := lab.Containers(t, 1)
	topic, group := cluster.Topic(t, 4), kafkaharness.Name(t)
	store, _ := openStore(t, cluster)
	client := cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for partition, n := range []int{12, 7, 0} {
		for range n {
			require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: int32(partition), Value: []byte("x")}).FirstErr())
		}
	}
	tx := cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(group))
	require.NoError(t, tx.BeginTransaction())
	for range 3 {
		require.NoError(t, tx.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: 3, Value: []byte("x")}).FirstErr())
	}
	require.NoError(t, tx.EndTransaction(t.Context(), kgo.TryCommit))

	var commits kadm.Offsets
	for partition, cursor := range []string{"4", "6", "-1", "2"} { // the last has all events, but not the marker
		require.NoError(t, store.Reset(t.Context(), kafkacursor.Key{Consumer: "billing", Topic: topic, Partition: int32(partition)}, cursor))
	}
	standings, err := cursoradmin.New(cluster.Opts(), store).Lag(t.Context(), cursoradmin.Filter{Consumers: []string{"billing"}, Topic: topic})
	require.NoError(t, err)
	var want []string
	for _, s := range standings {
		require.Equal(t, cursoradmin.OK, s.State)
		commits.AddOffset(topic, s.Partition, s.Next, -1)
		want = append(want, fmt.Sprintf("%d %d %d %d", s.Partition, s.Next, s.HighWatermark, s.Lag))
	}
	require.Equal(t, []string{"0 5 12 7", "1 7 7 0", "2 0 0 0", "3 3 4 1"}, want)
	require.NoError(t, cluster.Admin(t).CommitAllOffsets(t.Context(), group, commits))

	var got []string
	for _, line := range lines(cluster.Broker(t, 1).Tool(t, "", consumerGroups, "--describe --offsets --group "+group)) {
		if f := strings.Fields(line); len(f) > 5 && f[1] == topic {
			got = append(got, strings.Join(f[2:6], " "))
		}
	}
	require.ElementsMatch(t, want, got)
}

// Times are looked up, cursors moved and consumers found at work on each release.
func TestCursorsAreMovedOnKafka(t *testing.T) {
	for _, k := range kafkas() {
		t.Run(k.name, func(t *testing.T) { testCursorsMove(t, k.cluster(t)) })
	}
	t.Run("group of the newer protocol", func(t *testing.T) { testCursorsMove(t, oneBroker(t), kgo.ServerSideBalancer()) })
}

func testCursorsMove(t *testing.T, cluster *kafkaharness.Cluster, opts ...kgo.Opt) {
	t.Helper()
	topic, consumer := cluster.Topic(t, 2), kafkaharness.Name(t)
	store, cursors := openStore(t, cluster)
	client := cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	began := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for i := range 10 {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{
			Topic: topic, Partition: int32(i % 2), Value: []byte("x"), Timestamp: began.Add(time.Duration(i) * time.Minute),
		}).FirstErr())
	}
	admin := cursoradmin.New(cluster.Opts(), store, cursoradmin.WithNewConsumer())
	plan, err := admin.PlanReset(t.Context(), consumer, topic, nil, cursoradmin.ToTime(began.Add(5*time.Minute)))
	require.NoError(t, err)
	require.NoError(t, plan.Err())
	require.Equal(t, []int64{3, 2}, []int64{plan.Steps[0].NewNext, plan.Steps[1].NewNext})
	require.Equal(t, []int64{3, 2}, []int64{plan.Steps[0].Skipped, plan.Steps[1].Skipped})
	end := func() int64 {
		ends, err := cluster.Admin(t).ListEndOffsets(t.Context(), cursors)
		require.NoError(t, err)
		offset, _ := ends.Lookup(cursors, 0)
		return offset.Offset
	}
	require.Zero(t, end(), "a plan writes nothing")
	report, err := admin.Apply(t.Context(), plan)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.EqualValues(t, 2, end())

	member, err := kgo.NewClient(append(append(cluster.Opts(), kgo.ClientID("worker"), kgo.ConsumerGroup(consumer), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), opts...)...)
	require.NoError(t, err)
	defer member.Close()
	require.NoError(t, member.PollFetches(t.Context()).Err())
	plan, err = admin.PlanReset(t.Context(), consumer, topic, nil, cursoradmin.ToStart())
	require.NoError(t, err)
	require.ErrorIs(t, plan.Err(), cursoradmin.ErrAtWork)
	require.ErrorContains(t, plan.Err(), "worker at ")
}
