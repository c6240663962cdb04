package kafka

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
)

// prompt is far below the 10 s that kgo waits for a broker that is silent.
const prompt = 2 * time.Second

// blackHole accepts connections and never answers. Asked is sent to when the
// client has sent something and so waits for the answer.
func blackHole(t *testing.T) (addr string, asked <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		serving sync.WaitGroup
		mu      sync.Mutex
		conns   []net.Conn
	)
	signal := make(chan struct{}, 100)
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			serving.Go(func() {
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					signal <- struct{}{}
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, conn := range conns {
			conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return listener.Addr().String(), signal
}

// metadata is a request to any broker.
func metadata(ctx context.Context, c *Client) error {
	_, err := Do(ctx, c, func(ctx context.Context) (*kmsg.MetadataResponse, error) {
		return kmsg.NewPtrMetadataRequest().RequestWith(ctx, c)
	})
	return err
}

// variants are the ways to hang: kgo dials, shakes hands and asks for the
// broker's versions on different paths.
func variants() map[string][]kgo.Opt {
	return map[string][]kgo.Opt{
		"plaintext": nil,
		"TLS":       {kgo.DialTLSConfig(&tls.Config{ServerName: "broker", MinVersion: tls.VersionTLS12})},
	}
}

// A broker that is stuck accepts connections in its kernel and never
// answers. kgo bounds that by its own timeouts, 10 s each, and not by the
// context of the request, so a caller that goes away would be held.
func TestDoObeysItsContextWhileABrokerIsSilent(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			addr, asked := blackHole(t)
			c, err := NewClient(append(opts, kgo.SeedBrokers(addr)))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-asked
				cancel()
			}()
			began := time.Now()
			require.ErrorIs(t, metadata(ctx, c), context.Canceled)
			require.Less(t, time.Since(began), prompt)
			c.Close() // also waits for what Do left behind: goleak would see it
			require.Less(t, time.Since(began), prompt)
		})
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			addr, asked := blackHole(t)
			c, err := NewClient(append(opts, kgo.SeedBrokers(addr)))
			require.NoError(t, err)
			failed := make(chan error, 1)
			go func() { failed <- metadata(t.Context(), c) }()
			<-asked
			began := time.Now()
			c.Close()
			require.Less(t, time.Since(began), prompt)
			require.ErrorIs(t, <-failed, ErrClosed)
		})
	}
}

func TestCloseEndsAHangingFetch(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("t", 1))
	fetching := broker.Cluster().Fault(faultObserving(kmsg.Fetch))
	c, err := NewClient(broker.Opts())
	require.NoError(t, err)
	require.NoError(t, metadata(t.Context(), c)) // so that it knows the broker

	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 60_000, 1, 1<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "t", broker.Cluster().TopicInfo("t").TopicID
	topic.Partitions = append(topic.Partitions, kmsg.NewFetchRequestTopicPartition())
	topic.Partitions[0].PartitionMaxBytes = 1 << 20
	req.Topics = append(req.Topics, topic)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Broker(0).Request(t.Context(), req)
		failed <- err
	}()
	require.NoError(t, fetching.Wait(t.Context(), 1))
	began := time.Now()
	c.Close()
	require.Error(t, <-failed)
	require.Less(t, time.Since(began), prompt)
}

func TestCloseWaitsForWhatDoLeftBehind(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var ended atomic.Bool
	running := make(chan struct{})
	go func() {
		<-running
		cancel()
	}()
	_, err = Do(ctx, c, func(ctx context.Context) (int, error) {
		close(running)
		<-c.ctx.Done() // deaf to its own context, as kgo is
		for range 1000 {
			runtime.Gosched()
		}
		ended.Store(true)
		return 0, ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, ended.Load())
	c.Close()
	require.True(t, ended.Load())
}

func TestDoAfterClose(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	c.Close()
	c.Close()
	require.ErrorIs(t, metadata(t.Context(), c), ErrClosed)
}

func TestDoWithContextThatIsDone(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Do(ctx, c, func(context.Context) (int, error) {
		t.Error("called")
		return 0, nil
	})
	require.ErrorIs(t, err, context.Canceled)
}

func TestDoReturnsWhatTheFunctionDoes(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	defer c.Close()
	n, err := Do(t.Context(), c, func(context.Context) (int, error) { return 7, kerr.CorruptMessage })
	require.Equal(t, 7, n)
	require.ErrorIs(t, err, kerr.CorruptMessage)
}

func TestCloseRacesWithDo(t *testing.T) {
	c, err := NewClient(nil)
	require.NoError(t, err)
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			_, err := Do(t.Context(), c, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			if !errors.Is(err, ErrClosed) {
				t.Errorf("Do returned %v", err)
			}
		})
	}
	calls.Go(c.Close)
	calls.Go(c.Close)
	calls.Wait()
}

// Kafka's own limit on responses has no error to compare with, only a text: this
// pins it.
func TestResponseOverTheLimitIsTooLarge(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("t", 1000))
	c, err := NewClient(broker.Opts(), kgo.BrokerMaxReadBytes(8<<10), kgo.BrokerMaxWriteBytes(8<<10),
		kgo.FetchMaxBytes(8<<10), kgo.FetchMaxPartitionBytes(8<<10), kgo.ProducerBatchMaxBytes(1<<10))
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, TooLarge, Classify(metadata(t.Context(), c)))
}
