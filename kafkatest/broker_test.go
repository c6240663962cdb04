package kafkatest_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
)

// timeout is generous: it only ends what would hang.
const timeout = 20 * time.Second

func newClient(t *testing.T, b *kafkatest.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(b.Opts(), opts...)...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func produce(ctx context.Context, t *testing.T, client *kgo.Client, topic string, values ...string) {
	t.Helper()
	for _, v := range values {
		require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr())
	}
}

func consume(ctx context.Context, t *testing.T, client *kgo.Client, n int) []string {
	t.Helper()
	var values []string
	for len(values) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestWhatIsProducedIsConsumed(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	ctx := bounded(t)
	client := newClient(t, b, kgo.ConsumeTopics("orders"))

	produce(ctx, t, client, "orders", "a", "b", "c")
	require.Equal(t, []string{"a", "b", "c"}, consume(ctx, t, client, 3))
}

func TestBrokersShareNothing(t *testing.T) {
	first := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	second := kafkatest.Start(t)
	require.NotEqual(t, first.Addrs(), second.Addrs())

	topics, err := kadm.NewClient(newClient(t, second)).ListTopics(bounded(t))
	require.NoError(t, err)
	require.Empty(t, topics)
}

func TestClusterHasTheBrokersAndPartitionsAskedFor(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithBrokers(3), kafkatest.WithTopic("orders", 4))
	require.Len(t, b.Addrs(), 3)

	metadata, err := kadm.NewClient(newClient(t, b)).Metadata(bounded(t))
	require.NoError(t, err)
	require.Len(t, metadata.Brokers, 3)
	require.Len(t, metadata.Topics["orders"].Partitions, 4)
}

// A client that allows automatic creation asks for a topic nobody created. A
// broker that created it would make a misspelled topic an empty one, on which
// a test of "nothing more comes" passes for the wrong reason.
func TestUnknownTopicIsNotCreatedByAsking(t *testing.T) {
	b := kafkatest.Start(t)
	ctx := bounded(t)
	client := newClient(t, b, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(1))

	err := client.ProduceSync(ctx, &kgo.Record{Topic: "misspelled", Value: []byte("x")}).FirstErr()
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.Nil(t, b.Cluster().TopicInfo("misspelled"))
}

func TestCreateTopicWithConfigs(t *testing.T) {
	b := kafkatest.Start(t)
	require.NoError(t, b.CreateTopic("cursors", 1, map[string]string{"cleanup.policy": "compact"}))

	policy := b.Cluster().TopicInfo("cursors").Configs["cleanup.policy"]
	require.NotNil(t, policy)
	require.Equal(t, "compact", *policy)
}

func TestCreateTopicReturnsKafkasError(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	err := b.CreateTopic("orders", 1, nil)
	require.ErrorIs(t, err, kerr.TopicAlreadyExists)
	require.Equal(t, "orders", errors.GetKeyValues(err)["topic"])
}

// kfake blocks for ever when it is asked something after its end, so a test
// that creates a topic too late would hang rather than fail.
func TestClosedBrokerAnswersInsteadOfBlocking(t *testing.T) {
	b, err := kafkatest.New()
	require.NoError(t, err)
	addrs := b.Addrs()
	b.Close()
	b.Close()

	require.ErrorIs(t, b.CreateTopic("orders", 1, nil), kafkatest.ErrClosed)
	require.Equal(t, addrs, b.Addrs())
	require.NotEmpty(t, b.Opts())
}

func TestCloseStopsListening(t *testing.T) {
	b, err := kafkatest.New(kafkatest.WithBrokers(2))
	require.NoError(t, err)
	b.Close()
	for _, addr := range b.Addrs() {
		conn, err := net.DialTimeout("tcp", addr, timeout)
		if err == nil {
			conn.Close()
		}
		require.Error(t, err, "somebody still listens on %s", addr)
	}
}

func TestStartAndCloseManyAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			b, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
			if err != nil {
				t.Errorf("start broker %d: %v", i, err)
				return
			}
			var closers sync.WaitGroup
			for range 2 {
				closers.Go(b.Close)
			}
			// Creates the topic, or comes too late: either answers.
			if err := b.CreateTopic("more", 1, nil); err != nil && !errors.Is(err, kafkatest.ErrClosed) {
				t.Errorf("create topic on broker %d: %v", i, err)
			}
			closers.Wait()
		})
	}
	wg.Wait()
}

func TestDataDirSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	ctx := bounded(t)
	open := func() *kafkatest.Broker {
		b, err := kafkatest.New(kafkatest.WithDataDir(dir), kafkatest.WithTopic("orders", 1))
		require.NoError(t, err)
		return b
	}

	first := open()
	id := first.Cluster().TopicInfo("orders").TopicID
	client, err := kgo.NewClient(first.Opts()...)
	require.NoError(t, err)
	produce(ctx, t, client, "orders", "a", "b")
	client.Close()
	first.Close()

	second := open()
	t.Cleanup(second.Close)
	require.Equal(t, id, second.Cluster().TopicInfo("orders").TopicID, "the topic was created again")
	require.Equal(t, []string{"a", "b"}, consume(ctx, t, newClient(t, second, kgo.ConsumeTopics("orders")), 2))
}

func TestPortIsTheOneAskedFor(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := ln.Addr().(*net.TCPAddr).Port
	require.NoError(t, ln.Close())

	b := kafkatest.Start(t, kafkatest.WithPort(port))
	require.Equal(t, []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, b.Addrs())

	_, err = kafkatest.New(kafkatest.WithPort(port))
	var opErr *net.OpError
	require.ErrorAs(t, err, &opErr, "two brokers on one port")
}

func TestBrokerConfigIsInForce(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithTopic("orders", 1), kafkatest.WithConfig("message.max.bytes", "200"))
	ctx := bounded(t)
	client := newClient(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()))
	err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: make([]byte, 1000)}).FirstErr()
	require.ErrorIs(t, err, kerr.MessageTooLarge)
}

func TestInvalidOptionsAreReportedTogether(t *testing.T) {
	_, err := kafkatest.New(kafkatest.WithBrokers(0), kafkatest.WithPort(-1),
		kafkatest.WithTopic("orders", 0), kafkatest.WithTopic("orders", 1))
	require.ErrorIs(t, err, kafkatest.ErrInvalidOption)
	for _, part := range []string{"must be a broker", "no such port", "needs a partition", "given twice"} {
		require.ErrorContains(t, err, part)
	}
}

func TestTopicNamesAreHeldToKafkasRules(t *testing.T) {
	b := kafkatest.Start(t)
	long := strings.Repeat("x", 249)
	for _, name := range []string{"orders", "Orders.v2_x-1", long} {
		require.NoError(t, b.CreateTopic(name, 1, nil))
	}
	for _, name := range []string{"", ".", "..", "or/ders", "or ders", "örders", long + "x"} {
		require.ErrorIs(t, b.CreateTopic(name, 1, nil), kerr.InvalidTopicException, name)
		_, err := kafkatest.New(kafkatest.WithTopic(name, 1))
		require.ErrorIs(t, err, kerr.InvalidTopicException, name)
	}
}

func TestOptsAreTheCallersOwn(t *testing.T) {
	b := kafkatest.Start(t)
	opts := b.Opts()
	clear(opts)
	require.NotContains(t, b.Opts(), kgo.Opt(nil))
}

// A refused write waits for fresh metadata before it is tried again, and that
// is 5 s away by default, for each refusal.
func TestClientRetriesAtOnce(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	fault := b.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 3})

	produce(ctx, t, newClient(t, b), "orders", "x")
	require.Equal(t, 3, fault.Hits())
}

func TestClientFollowsAMovedLeader(t *testing.T) {
	b := kafkatest.Start(t, kafkatest.WithBrokers(2), kafkatest.WithTopic("orders", 1))
	ctx := bounded(t)
	client := newClient(t, b)
	for i := range 4 {
		require.NoError(t, b.Cluster().MoveTopicPartition("orders", 0, int32(i%2)))
		produce(ctx, t, client, "orders", "x")
	}
}

func TestVirtualNetworkRunsOnAVirtualClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		b := kafkatest.Start(t, kafkatest.WithVirtualNetwork(&network),
			kafkatest.WithBrokers(2), kafkatest.WithTopic("orders", 1))
		client, err := kgo.NewClient(append(b.Opts(), kgo.ConsumeTopics("orders"))...)
		require.NoError(t, err)
		defer client.Close()

		begin := time.Now()
		time.AfterFunc(2*time.Hour, func() {
			client.Produce(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("late")}, nil)
		})
		require.Equal(t, []string{"late"}, consume(t.Context(), t, client, 1))
		require.GreaterOrEqual(t, time.Since(begin), 2*time.Hour)
	})
}

// recorder is a TB that notes what Start does with it.
type recorder struct {
	cleanups []func()
	fatal    string
}

func (*recorder) Helper()             {}
func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
}

func TestStartClosesByCleanup(t *testing.T) {
	var tb recorder
	b := kafkatest.Start(&tb)
	require.Empty(t, tb.fatal)
	require.NoError(t, b.CreateTopic("orders", 1, nil))

	require.Len(t, tb.cleanups, 1)
	tb.cleanups[0]()
	require.ErrorIs(t, b.CreateTopic("more", 1, nil), kafkatest.ErrClosed)
}

func TestStartFailsTheTestAndSaysWhy(t *testing.T) {
	var tb recorder
	require.Nil(t, kafkatest.Start(&tb, kafkatest.WithTopic("orders", 0)))
	require.Contains(t, tb.fatal, "a topic needs a partition")
	require.Contains(t, tb.fatal, "orders")
	require.Empty(t, tb.cleanups)
}
