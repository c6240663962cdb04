package integration_test

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// topicNames are those that the harness makes.
var topicNames = regexp.MustCompile(`kreflex-it-[A-Za-z0-9-]+-[0-9a-f]{8}`)

// streamErrors are those of a stream on a log that is well.
func streamErrors() []provocation {
	const openTimeout = 5 * time.Second
	stream := func(topic string, number int32, after string, opts ...kafkastream.Option) func(*testing.T) (time.Duration, error) {
		return func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			name := topic
			if name == "" {
				name = cluster.Topic(t, 1)
				publish(t, cluster, name, 0, 9)
			}
			return timed(func() error {
				return firstError(t.Context(), kafkastream.NewPartition(cluster.Opts(), name, number, opts...), after)
			})
		}
	}
	return []provocation{
		{"stream: invalid option", kafkastream.ErrInvalidOption, atOnce, stream("", 0, "", kafkastream.WithOpenTimeout(-time.Second))},
		{"stream: unknown topic", kafkastream.ErrUnknownTopic, 10 * time.Second, stream("no-such-topic", 0, "")},
		{"stream: unknown partition", kafkastream.ErrUnknownPartition, 10 * time.Second, stream("", 7, "")},
		{"stream: bad cursor", kafkastream.ErrBadCursor, atOnce, stream("", 0, "seven")},
		{"stream: beyond the end", kafkastream.ErrBeyondEnd, atOnce, stream("", 0, "1000")},
		{"stream: record can't be decoded", kafkastream.ErrDecode, atOnce, stream("", 0, "3",
			kafkastream.WithDecoder(func(*kgo.Record, *reflex.Event) error { return errors.New("no field \"order_id\"") }))},
		{"stream: refused connection", kafkastream.ErrUnreachable, openTimeout + atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			return timed(func() error { return firstError(t.Context(), kafkastream.NewPartition(nowhere(), "orders", 0), "") })
		}},
		{"stream: no answer", kafkastream.ErrUnreachable, openTimeout + atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			return timed(func() error { return firstError(t.Context(), kafkastream.NewPartition(blackHole(t), "orders", 0), "") })
		}},
		{"stream: closed", kafkastream.ErrClosed, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			s := openStream(t, kafkastream.NewPartition(cluster.Opts(), cluster.Topic(t, 1), 0), "")
			closeStream(s)
			return timed(func() error { _, err := s.Recv(); return err })
		}},
		{"stream: batch too large to decompress", kafkastream.ErrBatchTooLarge, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			topic := cluster.Topic(t, 1)
			produce(t, cluster, &kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", 100_000))}, kgo.ProducerBatchCompression(kgo.GzipCompression()))
			opts := append(cluster.Opts(), kgo.MaxDecompressBatchBytes(10_000))
			return timed(func() error { return firstError(t.Context(), kafkastream.NewPartition(opts, topic, 0), "") })
		}},
		{"stream: response too large", kafkastream.ErrBatchTooLarge, atOnce, func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := lab.Cluster(t, 1)
			topic := cluster.Topic(t, 1)
			produce(t, cluster, &kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", 900_000))}, kgo.ProducerBatchCompression(kgo.NoCompression()))
			opts := append(cluster.Opts(), kgo.BrokerMaxReadBytes(500_000), kgo.FetchMaxBytes(400_000))
			return timed(func() error { return firstError(t.Context(), kafkastream.NewPartition(opts, topic, 0), "") })
		}},
	}
}

func produce(t *testing.T, cluster *kafkaharness.Cluster, record *kgo.Record, opts ...kgo.Opt) {
	t.Helper()
	require.NoError(t, cluster.Client(t, opts...).ProduceSync(t.Context(), record).FirstErr())
}

// blackHole is a broker that accepts connections and never answers.
func blackHole(t *testing.T) []kgo.Opt {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return []kgo.Opt{kgo.SeedBrokers(listener.Addr().String())}
}
