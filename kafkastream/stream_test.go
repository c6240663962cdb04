package kafkastream

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// quick is far below every timeout of kgo's.
const quick = 2 * time.Second

func (s *source) observe(key kmsg.Key) *kfake.FaultHandle {
	return s.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, Count: -1})
}

// The fetcher reads ahead, so it may have found the head long before Recv is
// called, and something may have been written since. Head must not be
// reported on that.
func TestHeadIsThatOfTheTimeOfRecv(t *testing.T) {
	s := newSource(t)
	for i := range 30 {
		after := ""
		if i > 0 {
			after = fmt.Sprint(i - 1)
		}
		fetching := s.observe(kmsg.Fetch)
		client := s.open(after, reflex.WithStreamToHead())
		require.NoError(t, fetching.Wait(s.ctx, 1)) // the fetcher is about to see the head
		s.write(i, 1)
		require.Equal(t, []string{fmt.Sprint(i)}, s.take(client, 1))
		_, err := client.Recv()
		require.ErrorIs(t, err, reflex.ErrHeadReached)
	}
}

func TestFromHeadDeliversAllThatIsWrittenAfterTheCall(t *testing.T) {
	s := newSource(t)
	for i := range 20 {
		client := s.open("0", reflex.WithStreamFromHead())
		s.write(i, 1)
		require.Equal(t, []string{fmt.Sprint(i)}, s.take(client, 1))
	}
}

// An event of a transaction that was open when the stream began at the head becomes
// visible later, and so is delivered.
func TestFromHeadDeliversATransactionThatWasOpen(t *testing.T) {
	s := newSource(t)
	s.write(0, 1)
	writer, err := kgo.NewClient(append(s.broker.Opts(), kgo.TransactionalID("x"), kgo.DefaultProduceTopic(orders))...)
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.BeginTransaction())
	require.NoError(t, writer.ProduceSync(s.ctx, kgo.StringRecord("event 1")).FirstErr())
	s.write(2, 1)

	client := s.open("", reflex.WithStreamFromHead())
	require.NoError(t, writer.EndTransaction(s.ctx, kgo.TryCommit))
	require.Equal(t, []string{"1", "2"}, s.take(client, 2))
}

func TestTheFirstErrorIsReturnedForEver(t *testing.T) {
	s := newSource(t)
	ctx, cancel := context.WithCancel(s.ctx)
	client, err := s.Stream(ctx, "", reflex.WithStreamToHead())
	require.NoError(t, err)
	_, err = client.Recv()
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	s.write(0, 1)
	cancel()
	require.NoError(t, client.(*stream).Close())
	for range 3 {
		_, err = client.Recv()
		require.ErrorIs(t, err, reflex.ErrHeadReached)
	}
}

func TestCancelEndsTheStream(t *testing.T) {
	for name, hold := range map[string]func(s *source, client reflex.StreamClient){
		"waiting":     func(*source, reflex.StreamClient) {},
		"with events": func(s *source, client reflex.StreamClient) { s.write(0, 5); s.take(client, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t)
			ctx, cancel := context.WithCancel(s.ctx)
			client, err := s.Stream(ctx, "")
			require.NoError(t, err)
			hold(s, client)
			cancel()
			began := time.Now()
			_, err = client.Recv()
			require.ErrorIs(t, err, context.Canceled)
			require.Less(t, time.Since(began), quick)
			<-client.(*stream).done // all is released without Close
			require.NoError(t, client.(*stream).Close())
			_, err = client.Recv()
			require.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestCancelEndsARecvThatWaits(t *testing.T) {
	s := newSource(t)
	fetching := s.observe(kmsg.Fetch)
	ctx, cancel := context.WithCancel(s.ctx)
	client, err := s.Stream(ctx, "")
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := client.Recv()
		failed <- err
	}()
	require.NoError(t, fetching.Wait(s.ctx, 1))
	began := time.Now()
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Less(t, time.Since(began), quick)
	require.NoError(t, client.(*stream).Close())
}

func TestCloseEndsARecvThatWaits(t *testing.T) {
	s := newSource(t)
	fetching := s.observe(kmsg.Fetch)
	client := s.open("")
	failed := make(chan error, 1)
	go func() {
		_, err := client.Recv()
		failed <- err
	}()
	require.NoError(t, fetching.Wait(s.ctx, 1))
	began := time.Now()
	require.NoError(t, client.(*stream).Close())
	require.ErrorIs(t, <-failed, ErrClosed)
	require.Less(t, time.Since(began), quick)
	_, err := client.Recv()
	require.ErrorIs(t, err, ErrClosed)
	require.False(t, IsPermanent(err))
}

func TestCloseWhileNobodyTakesTheEvents(t *testing.T) {
	s := newSource(t)
	s.write(0, 100)
	client := s.open("")
	began := time.Now()
	require.NoError(t, client.(*stream).Close())
	require.NoError(t, client.(*stream).Close())
	require.Less(t, time.Since(began), quick)
}

func TestStreamsOpenAndCloseInAnyOrder(t *testing.T) {
	s := newSource(t)
	s.write(0, 10)
	var streams sync.WaitGroup
	for i := range 8 {
		streams.Go(func() {
			for range 5 {
				ctx, cancel := context.WithCancel(s.ctx)
				client, err := s.Stream(ctx, "")
				if err != nil {
					t.Error(err)
					cancel()
					return
				}
				for range i {
					if _, err := client.Recv(); err != nil {
						t.Error(err)
					}
				}
				var end sync.WaitGroup
				end.Go(cancel)
				end.Go(func() { _ = client.(*stream).Close() })
				end.Go(func() { _ = client.(*stream).Close() })
				end.Wait()
			}
		})
	}
	streams.Wait()
	require.Zero(t, s.incarnation.Load().streams)
}

// flaky dials connections that die after some reads.
type flaky struct {
	dialer net.Dialer
	dialed atomic.Int64
}

func (f *flaky) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := f.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &flakyConn{Conn: conn}
	c.reads.Store(f.dialed.Add(1) % 7)
	return c, nil
}

type flakyConn struct {
	net.Conn
	reads atomic.Int64
}

func (c *flakyConn) Read(b []byte) (int, error) {
	if c.reads.Add(-1) < -3 {
		c.Close()
	}
	return c.Conn.Read(b)
}

// Connections break, leaders move and nodes lead in turn, and neither is any event
// lost, nor delivered twice, nor out of order.
func TestNothingIsLostWhileTheClusterIsInTrouble(t *testing.T) {
	s := newSource(t, kafkatest.WithBrokers(3))
	const events = 300
	f := new(flaky)
	p := NewPartition(append(s.broker.Opts(), kgo.Dialer(f.dial)), orders, 0, WithFetchBytes(minFetchBytes))
	client, err := p.Stream(s.ctx, "")
	require.NoError(t, err)
	defer client.(*stream).Close()

	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range events {
			if i%20 == 0 {
				if err := s.broker.Cluster().MoveTopicPartition(orders, 0, int32(i/20%3)); err != nil {
					t.Error(err)
				}
			}
			rec := &kgo.Record{Value: fmt.Appendf(nil, "event %d", i)}
			if err := s.writer.ProduceSync(s.ctx, rec).FirstErr(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer writing.Wait()
	for i := range events {
		e, err := client.Recv()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), e.ID)
		require.Equal(t, "event "+e.ID, string(e.MetaData))
	}
	require.Greater(t, f.dialed.Load(), int64(5), "connections should have broken")
}

// A consumer that is stuck must not let the stream fill the memory, and least of
// all where a few kilobytes of the log are hundreds of megabytes in memory.
func TestMemoryIsBoundedWhileTheConsumerIsStuck(t *testing.T) {
	s := newSource(t)
	writer, err := kgo.NewClient(append(s.broker.Opts(), kgo.DefaultProduceTopic(orders),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()))...)
	require.NoError(t, err)
	defer writer.Close()
	value := []byte(strings.Repeat("x", 100<<10))
	const events = 2000 // 200 MB, compressed to 200 KB
	for range events {
		require.NoError(t, writer.ProduceSync(s.ctx, &kgo.Record{Value: value}).FirstErr())
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	client := s.open("")
	for range events * 9 / 10 { // the first answers teach the stream what it is about
		_, err := client.Recv()
		require.NoError(t, err)
	}
	var most uint64
	for range 50 { // stuck, while the fetcher does what it can
		most = max(most, heap())
	}
	require.Less(t, most, before+25<<20, "bytes of heap")
}

func TestRunOverAPartition(t *testing.T) {
	s := newSource(t)
	s.write(0, 10)
	var ids []string
	consumer := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		ids = append(ids, e.ID)
		return nil
	})
	store := cursors{}
	err := reflex.Run(s.ctx, reflex.NewSpec(s.Stream, store, consumer, reflex.WithStreamToHead()))
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	require.Len(t, ids, 10)
	require.Equal(t, "9", store["billing"])
}

// cursors is a store for one goroutine.
type cursors map[string]string

func (c cursors) GetCursor(_ context.Context, name string) (string, error) { return c[name], nil }
func (c cursors) Flush(context.Context) error                              { return nil }
func (c cursors) SetCursor(_ context.Context, name, cursor string) error {
	c[name] = cursor
	return nil
}

func TestOffsets(t *testing.T) {
	s := newSource(t)
	s.write(0, 5)
	require.NoError(t, s.broker.Cluster().DeleteRecords(orders, 0, 2))
	writer, err := kgo.NewClient(append(s.broker.Opts(), kgo.TransactionalID("x"), kgo.DefaultProduceTopic(orders))...)
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.BeginTransaction())
	require.NoError(t, writer.ProduceSync(s.ctx, kgo.StringRecord("open")).FirstErr())

	offsets, err := s.Offsets(s.ctx)
	require.NoError(t, err)
	require.Equal(t, Offsets{Start: 2, LastStable: 5, HighWatermark: 6}, offsets)
	require.NoError(t, writer.EndTransaction(s.ctx, kgo.TryAbort))
}
