package churn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
)

var lab = kafkaharness.New()

func TestMain(m *testing.M) {
	Main()
	goleak.VerifyTestMain(runner{m})
}

type runner struct{ m *testing.M }

func (r runner) Run() int {
	code := r.m.Run()
	if err := lab.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "remove clusters:", err)
		return max(code, 1)
	}
	return code
}

const (
	partitions = 12
	session    = 6 * time.Second // the least that brokers allow
	frozenFor  = session + 4*time.Second
)

// duration is CHURN_TIME, by default what CI has time for.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CHURN_TIME")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "CHURN_TIME")
	return d
}

// rate is CHURN_RATE, in events per second.
func rate(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CHURN_RATE")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "CHURN_RATE")
	return n
}

// seed is CHURN_SEED, to have the same things happen again, or a new one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("CHURN_SEED")
	if text == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "CHURN_SEED")
	return n
}

// Workers join, leave, are killed, and are frozen beyond their session and woken, every few seconds, while events
// are published all the time.
func TestAGroupLosesNothingWhateverBecomesOfItsMembers(t *testing.T) {
	cluster := lab.Own(t, kafkaharness.Config{Brokers: 3, Env: map[string]string{
		"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":             "1000",
		"KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS":    "1000",
		"KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS":        strconv.Itoa(int(session.Milliseconds())),
		"KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "500",
		"KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS":     "600",
		"KAFKA_GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS": "15000",
		"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":             "5",
		"KAFKA_GROUP_COORDINATOR_REBALANCE_PROTOCOLS":    "classic,consumer",
		"KAFKA_GROUP_CONSUMER_MIGRATION_POLICY":          "bidirectional",
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
	}})
	for _, protocol := range []string{Classic, KIP848} {
		t.Run(protocol, func(t *testing.T) { churn(t, cluster, Order{Protocol: protocol}) })
		t.Run(protocol+" fenced", func(t *testing.T) { churn(t, cluster, Order{Protocol: protocol, Fenced: true}) })
	}
}

func churn(t *testing.T, cluster *kafkaharness.Cluster, order Order) {
	t.Helper()
	number := seed(t)
	t.Logf("CHURN_SEED=%d", number)
	random := rand.New(rand.NewPCG(number, 0))

	topic := cluster.Topic(t, partitions)
	order.Brokers, order.Topic, order.Cursors = cluster.Addrs(), topic, kafkaharness.Name(t)
	order.Group, order.Session = kafkaharness.Name(t), session
	t.Cleanup(func() { cluster.DeleteTopic(t, order.Cursors) })
	store, err := kafkacursor.Open(t.Context(), cluster.Opts(), order.Cursors, kafkacursor.WithReplicationFactor(3))
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()

	c := &crew{T: t, order: order, dir: t.TempDir()}
	for range 3 {
		c.hire()
	}
	publishing, stop := context.WithCancel(t.Context())
	var ends []int64
	var published sync.WaitGroup
	published.Go(func() { ends = publish(publishing, t, cluster, topic, rate(t)) })

	over := time.After(duration(t))
	for done := false; !done; {
		select {
		case <-time.After(time.Duration(1000+random.IntN(3000)) * time.Millisecond): // that things happen in between is the fault
			c.churn(random, frozenFor)
		case <-over:
			done = true
		}
	}
	stop()
	published.Wait()
	c.thaw(0)
	if len(c.present()) == 0 {
		c.hire()
	}
	calm := time.Now()
	require.Eventually(t, func() bool { return finished(t, store, topic, ends) }, 2*time.Minute, 100*time.Millisecond, "all is consumed")
	t.Logf("all consumed %s after the last fault", time.Since(calm).Round(10*time.Millisecond))
	c.dismiss()

	history := History{Ends: ends, Lives: c.lives(), Cursors: cursors(t, cluster, order.Cursors)}
	report := Check(history)
	t.Log(report)
	if len(report.Violations()) > 0 {
		for p := range int32(partitions) {
			t.Logf("partition %d:\n%s", p, history.Timeline(p))
		}
	}
	require.Empty(t, shorten(report.Violations()))
}

// shorten keeps a failure readable.
func shorten(list []string) []string {
	const enough = 20
	if len(list) > enough {
		return append(list[:enough:enough], fmt.Sprintf("and %d more", len(list)-enough))
	}
	return list
}

// publish publishes until ctx is done, and returns how many each partition was given. All are acknowledged.
func publish(ctx context.Context, t *testing.T, cluster *kafkaharness.Cluster, topic string, rate int) []int64 {
	t.Helper()
	writer := cluster.Client(t, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
	counts := make([]int64, partitions)
	begin, sent := time.Now(), 0
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.NoError(t, writer.Flush(t.Context()))
			return counts
		}
		for due := int(time.Since(begin).Seconds() * float64(rate)); sent < due; sent++ {
			p := int32(sent % partitions)
			counts[p]++
			writer.Produce(t.Context(), &kgo.Record{Partition: p, Key: []byte("key"), Value: []byte("value")}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("publish: %v", err)
				}
			})
		}
	}
}

// finished reports whether the cursors are those of the last events.
func finished(t *testing.T, store *kafkacursor.Store, topic string, ends []int64) bool {
	t.Helper()
	entries, err := store.List(t.Context())
	if err != nil {
		return false
	}
	done := 0
	for _, e := range entries {
		if e.Key.Topic == topic && offsetOf(e.Cursor) == ends[e.Key.Partition]-1 {
			done++
		}
	}
	return done == len(ends)
}

func offsetOf(cursor string) int64 {
	text, _, _ := strings.Cut(cursor, "@")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// cursors returns all records of the topic of cursors.
func cursors(t *testing.T, cluster *kafkaharness.Cluster, topic string) []Cursor {
	t.Helper()
	reader := cluster.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	end := func() int64 {
		offsets, err := cluster.Admin(t).ListEndOffsets(t.Context(), topic)
		require.NoError(t, err)
		o, _ := offsets.Lookup(topic, 0)
		return o.Offset
	}()
	var all []Cursor
	for next := int64(0); next < end; {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		fetches := reader.PollFetches(ctx)
		cancel()
		if fetches.Err0() != nil {
			break // only markers are left
		}
		fetches.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			key, err := kafkacursor.ParseKey(string(r.Key))
			require.NoError(t, err)
			c := Cursor{Partition: key.Partition, Offset: offsetOf(string(r.Value)), At: r.Timestamp}
			for _, h := range r.Headers {
				switch h.Key {
				case "epoch":
					c.Epoch, err = strconv.ParseInt(string(h.Value), 10, 64)
					require.NoError(t, err)
				case "owner":
					c.Owner = string(h.Value)
				}
			}
			all = append(all, c)
		})
	}
	return all
}
