package integration_test

import (
	"context"
	"io"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/internal/deadlettertest"
	"github.com/kreflex/kreflex/kafkadeadletter"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

func TestLetters(t *testing.T) {
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) {
			cluster := kafka.cluster(t)
			deadlettertest.Run(t, func(tb testing.TB) deadlettertest.Kafka {
				tb.Helper()
				return deadlettertest.Kafka{
					Opts: cluster.Opts(),
					Name: func(tb testing.TB) string {
						tb.Helper()
						name := kafkaharness.Name(tb)
						tb.Cleanup(func() { cluster.DeleteTopic(tb, name) })
						return name
					},
				}
			})
		})
	}
}

// The only broker dies as by a power cut, and comes back, while consumers dead-letter every event. Each goes on only after
// its letter was acknowledged, and tries again otherwise: in the end there is one letter for each.
func TestLettersOutliveBrokerKill(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{})
	broker := cluster.Broker(t, 1)
	testLettersOutlive(t, cluster, func() {
		broker.Kill(t)
		broker.Start(t)
		cluster.AwaitBrokers(t)
	})
}

// Of three brokers the leader of the topic of letters dies.
func TestLettersOutliveLeader(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{Brokers: 3})
	admin := cluster.Admin(t)
	testLettersOutlive(t, cluster, func() {
		topics, err := admin.ListTopics(t.Context(), "letters")
		require.NoError(t, err)
		cluster.Broker(t, topics["letters"].Partitions[0].Leader).Kill(t)
	})
}

func testLettersOutlive(t *testing.T, cluster *kafkaharness.Cluster, fault func()) {
	t.Helper()
	const consumers, events, before = 4, 300, 50
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	orders := cluster.Topic(t, 1)
	records := make([]*kgo.Record, events)
	for i := range records {
		records[i] = &kgo.Record{Topic: orders, Value: []byte(strconv.Itoa(i))}
	}
	require.NoError(t, cluster.Client(t).ProduceSync(ctx, records...).FirstErr())
	store, err := kafkadeadletter.Open(ctx, cluster.Opts(), "letters", kafkadeadletter.WithTimeout(3*time.Second))
	require.NoError(t, err)
	defer store.Close()
	log := kafkastream.NewPartition(cluster.Opts(), orders, 0)
	letters := store.For(log)

	var running sync.WaitGroup
	reached := make(chan struct{}, consumers)
	failures := make([]int, consumers)
	for c := range consumers {
		name := "consumer " + strconv.Itoa(c)
		running.Go(func() {
			for i := range events {
				if i == before {
					reached <- struct{}{}
				}
				for {
					err := letters.Insert(ctx, name, &reflex.Event{ID: strconv.Itoa(i)}, io.EOF)
					if err == nil {
						break
					}
					failures[c]++
					if ctx.Err() != nil || kafkadeadletter.IsPermanent(err) {
						t.Errorf("insert: %v", err)
						return
					}
				}
			}
		})
	}
	for range consumers {
		<-reached
	}
	fault()
	running.Wait()
	t.Logf("attempts that failed: %v", failures)

	counts, err := store.Count(ctx)
	require.NoError(t, err)
	for c := range consumers {
		name := "consumer " + strconv.Itoa(c)
		require.Equal(t, events, counts[name])
		var consumed []int64
		done, err := letters.Replay(ctx, reflex.NewConsumer(name, func(_ context.Context, e *reflex.Event) error {
			consumed = append(consumed, e.IDInt())
			return nil
		}))
		require.NoError(t, err)
		require.Equal(t, events, done.Done)
		for i, id := range consumed {
			require.Equal(t, int64(i), id)
		}
	}
	counts, err = store.Count(ctx)
	require.NoError(t, err)
	require.Empty(t, counts)
}

// Kafka's own tools show a letter as it is documented.
func TestLetterIsReadByKafkasTools(t *testing.T) {
	cluster := lab.Containers(t, 1)
	orders, topic := cluster.Topic(t, 1), kafkaharness.Name(t)
	t.Cleanup(func() { cluster.DeleteTopic(t, topic) })
	produce(t, cluster, &kgo.Record{Topic: orders, Key: []byte("order 1"), Value: []byte("paid"), Headers: []kgo.RecordHeader{{Key: "t", Value: []byte("3")}}})
	store, err := kafkadeadletter.Open(t.Context(), cluster.Opts(), topic)
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.For(kafkastream.NewPartition(cluster.Opts(), orders, 0)).ErrorInsert(t.Context(), "billing", "0", "no such card"))
	out := cluster.Brokers()[0].Tool(t, "", "org.apache.kafka.tools.consumer.ConsoleConsumer",
		"--topic "+topic+" --from-beginning --max-messages 1 --timeout-ms 20000 "+
			"--property print.key=true --property print.headers=true --property print.value=true")
	for _, part := range []string{
		"t:3,dlq.v:1,dlq.consumer:billing,dlq.topic:" + orders + ",dlq.topic-id:", "dlq.partition:0,dlq.offset:0,dlq.error:no such card,",
		"dlq.key:order 1,dlq.content:record,dlq.headers:1\t", "\tbilling/" + orders + "/0/0@", "\tpaid\n",
	} {
		require.Contains(t, out, part)
	}
}

// Somebody who may not, and a name that no topic can have.
func TestLettersThatAreRefused(t *testing.T) {
	secured := lab.Secured(t)
	_, err := kafkadeadletter.Open(t.Context(), secured.OptsAs(kafkaharness.Nobody, ""), "letters")
	require.ErrorIs(t, err, kafkadeadletter.ErrNotAuthorised)
	_, err = kafkadeadletter.Open(t.Context(), secured.OptsAs(kafkaharness.Admin, "wrong"), "letters")
	require.ErrorIs(t, err, kafkadeadletter.ErrNotAuthorised)

	cluster := lab.Cluster(t, 1)
	_, err = kafkadeadletter.Open(t.Context(), cluster.Opts(), "no/topic")
	require.True(t, kafkadeadletter.IsPermanent(err), err)
	_, err = kafkadeadletter.Open(t.Context(), cluster.Opts(), "letters", kafkadeadletter.WithReplicationFactor(99))
	require.ErrorIs(t, err, kafkadeadletter.ErrTopicConfig)
}
