package kafkastream

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// prompt is far above what a prompt return takes here, and far below what kgo
// would take by itself.
const prompt = time.Second

func newPublisher(t *testing.T, kafka []kgo.Opt, opts ...PublisherOption) *Publisher {
	t.Helper()
	p, err := NewPublisher(kafka, "orders", opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// readCommitted returns the first n events of a topic as any client sees them.
func readCommitted(t *testing.T, broker *kafkatest.Broker, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(append(broker.Opts(),
		kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

func event(foreignID, metadata string) *reflex.Event {
	return &reflex.Event{Type: paid, ForeignID: foreignID, MetaData: []byte(metadata)}
}

// blackHole returns the address of a broker that accepts and never answers.
func blackHole(t *testing.T) []kgo.Opt {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := l.Accept()
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
		require.NoError(t, l.Close())
		<-done
	})
	return []kgo.Opt{kgo.SeedBrokers(l.Addr().String())}
}

func requireOutcomes(t *testing.T, err error, n int) []Outcome {
	t.Helper()
	var pe *PublishError
	require.True(t, errors.As(err, &pe), "%v", err)
	require.Len(t, pe.Outcomes, n)
	return pe.Outcomes
}

func TestPublishedEventsAreReadBackAsTheyWere(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts())
	at := time.UnixMilli(1600000000123).UTC() // long ago: no timeout may count from here
	events := []*reflex.Event{
		{Type: paid, ForeignID: "o-1", MetaData: []byte("m"), Timestamp: at, Trace: reflex.EncodeTrace(spanContext(trace.FlagsSampled))},
		{MetaData: nil, Timestamp: at},
		{MetaData: []byte{}, Timestamp: at.Add(time.Millisecond), Trace: []byte("raw")},
		{Type: eventType(-5), ForeignID: "", Timestamp: at},
	}
	positions, err := p.Publish(t.Context(), events...)
	require.NoError(t, err)
	require.Len(t, positions, len(events))

	d := newEnvelopeDecoder()
	for i, r := range readCommitted(t, broker, len(events)) {
		require.Equal(t, Position{Topic: "orders", Offset: int64(i)}, positions[i])
		require.Equal(t, strconv.Itoa(i), positions[i].ID())
		var e reflex.Event
		require.NoError(t, d.decode(r, &e))
		require.Equal(t, *events[i], e)
	}
}

func TestPublishNothing(t *testing.T) {
	p := newPublisher(t, []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")})
	positions, err := p.Publish(t.Context())
	require.NoError(t, err)
	require.Empty(t, positions)
}

func TestAnEventWithoutTimestampGetsTheTimeOfSending(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	before := time.Now().Truncate(time.Millisecond)
	_, err := newPublisher(t, broker.Opts()).Publish(t.Context(), event("o-1", ""))
	require.NoError(t, err)
	at := readCommitted(t, broker, 1)[0].Timestamp
	require.False(t, at.Before(before) || at.After(time.Now()), at)
}

// Other publishers of the topic, Java's above all, must agree on the partition,
// or the events of one thing lose their order. The hashes are those that the
// tests of Kafka's own client pin: murmur2("21") = -973932308, murmur2("foobar")
// = -790332482.
func TestForeignIDChoosesThePartitionAsKafkaDoes(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 8))
	positions, err := newPublisher(t, broker.Opts()).Publish(t.Context(), event("21", ""), event("foobar", ""))
	require.NoError(t, err)
	require.Equal(t, int32((-973932308&0x7fffffff)%8), positions[0].Partition)
	require.Equal(t, int32((-790332482&0x7fffffff)%8), positions[1].Partition)
}

func TestWithPartition(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 8))
	positions, err := newPublisher(t, broker.Opts(), WithPartition(5)).Publish(t.Context(), event("21", ""), event("foobar", ""), event("", ""))
	require.NoError(t, err)
	for _, at := range positions {
		require.Equal(t, int32(5), at.Partition)
	}
	_, err = newPublisher(t, broker.Opts(), WithPartition(8)).Publish(t.Context(), event("21", ""))
	require.ErrorIs(t, err, ErrUnknownPartition)
	require.False(t, requireOutcomes(t, err, 1)[0].MayBeWritten)
}

func TestEventsOfOneForeignIDKeepTheirOrder(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 3))
	p := newPublisher(t, broker.Opts())
	// Retries in the middle are where order gets lost.
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 3})
	const ids, each = 5, 200
	var mu sync.Mutex
	calls := 0
	for i := range each {
		for id := range ids {
			p.PublishAsync(t.Context(), event(fmt.Sprint("o-", id), strconv.Itoa(i)), func(_ Position, err error) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				require.NoError(t, err)
			})
		}
	}
	require.NoError(t, p.Flush(t.Context()))
	require.Equal(t, ids*each, calls, "Flush returned before all functions were called")

	next := map[string]int{}
	for _, r := range readCommitted(t, broker, ids*each) {
		require.Equal(t, strconv.Itoa(next[string(r.Key)]), string(r.Value), string(r.Key))
		next[string(r.Key)]++
	}
	require.Len(t, next, ids)
}

func TestTheSpanOfTheContextIsTheTrace(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts())
	sc := spanContext(trace.FlagsSampled)
	own := event("o-1", "own")
	own.Trace = reflex.EncodeTrace(spanContext(0))
	_, err := p.Publish(trace.ContextWithSpanContext(t.Context(), sc), event("o-1", "context"), own)
	require.NoError(t, err)
	_, err = p.Publish(t.Context(), event("o-1", "none"))
	require.NoError(t, err)

	d := newEnvelopeDecoder()
	want := [][]byte{reflex.EncodeTrace(sc), own.Trace, nil}
	for i, r := range readCommitted(t, broker, 3) {
		var e reflex.Event
		require.NoError(t, d.decode(r, &e))
		require.Equal(t, want[i], e.Trace)
		require.Equal(t, paid.ReflexType(), e.Type.ReflexType())
	}
}

func TestNothingIsSentIfAnEventIsInvalid(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts())
	_, err := p.Publish(t.Context(), event("o-1", ""), nil)
	require.ErrorIs(t, err, ErrInvalidEvent)

	_, err = p.Publish(t.Context(), event("o-1", ""), event("o-1", string(make([]byte, 1<<20))))
	require.ErrorIs(t, err, ErrEventTooLarge)
	var tooLarge *EventTooLargeError
	require.True(t, errors.As(err, &tooLarge))
	require.Equal(t, 1000012, tooLarge.Limit)
	require.Greater(t, tooLarge.Size, 1<<20)
	require.ErrorContains(t, err, "kgo.ProducerBatchMaxBytes")

	require.Zero(t, broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
}

// The limit is checked before anything is sent, so it must be the one that kgo
// has: if ours were higher, an event too large would be found out with others
// already sent; if it were lower, kgo's users would wonder.
func TestTheLimitOfSizeIsThatOfKgo(t *testing.T) {
	const limit = 1000
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	opts := append(broker.Opts(), kgo.ProducerBatchMaxBytes(limit))
	p := newPublisher(t, opts)
	cl, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	defer cl.Close()
	byKgo := func(e *reflex.Event) error {
		r, err := Encode(e)
		require.NoError(t, err)
		r.Topic = "orders"
		return cl.ProduceSync(t.Context(), r).FirstErr()
	}
	_, err = p.Publish(t.Context(), event("warm up", "")) // the limit is lower until the version is known
	require.NoError(t, err)
	require.NoError(t, byKgo(event("warm up", "")))

	r, err := Encode(event("o-1", ""))
	require.NoError(t, err)
	size := limit - batchSize(r) - 2 // the lengths of the value and of the record grow by a byte each
	_, err = p.Publish(t.Context(), event("o-1", string(make([]byte, size))))
	require.NoError(t, err)
	require.NoError(t, byKgo(event("o-1", string(make([]byte, size)))))

	_, err = p.Publish(t.Context(), event("o-1", string(make([]byte, size+1))))
	var tooLarge *EventTooLargeError
	require.True(t, errors.As(err, &tooLarge))
	require.Equal(t, limit+1, tooLarge.Size)
	require.False(t, errors.As(err, new(*PublishError)), "it was sent")
	require.ErrorIs(t, byKgo(event("o-1", string(make([]byte, size+1)))), kerr.MessageTooLarge)

	_, err = newPublisher(t, opts).Publish(t.Context(), event("o-1", string(make([]byte, size))))
	require.True(t, errors.As(err, &tooLarge))
	require.Equal(t, limit, tooLarge.Limit, "the limit is not the broker's")
}

func TestRefusalsOfTheBroker(t *testing.T) {
	tests := []struct {
		name    string
		refusal *kerr.Error
		event   *reflex.Event
		want    error
		unknown bool
	}{
		{name: "too large for the topic", refusal: kerr.MessageTooLarge, event: event("o-1", ""), want: ErrEventTooLarge},
		{name: "no key in a compacted topic", refusal: kerr.InvalidRecord, event: event("", ""), want: ErrForeignIDRequired},
		{name: "another invalid record", refusal: kerr.InvalidRecord, event: event("o-1", ""), want: kerr.InvalidRecord},
		{name: "not authorised", refusal: kerr.TopicAuthorizationFailed, event: event("o-1", ""), want: ErrNotAuthorised},
		{name: "unknown", refusal: kerr.InvalidRequiredAcks, event: event("o-1", ""), want: kerr.InvalidRequiredAcks, unknown: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
			p := newPublisher(t, broker.Opts())
			broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: test.refusal})
			_, err := p.Publish(t.Context(), test.event)
			require.ErrorIs(t, err, test.want)
			for _, other := range []error{ErrEventTooLarge, ErrForeignIDRequired, ErrNotAuthorised} {
				require.Equal(t, other == test.want, errors.Is(err, other), "%v", other) //nolint:errorlint // is it the one
			}
			outcome := requireOutcomes(t, err, 1)[0]
			require.ErrorIs(t, outcome.Err, test.want)
			require.Equal(t, test.unknown, outcome.MayBeWritten)

			_, err = p.Publish(t.Context(), test.event)
			require.NoError(t, err, "the publisher goes on")
		})
	}
}

func TestUnknownTopicIsAnErrorAndIsNotCreated(t *testing.T) {
	broker := kafkatest.Start(t)
	p := newPublisher(t, broker.Opts())
	start := time.Now()
	_, err := p.Publish(t.Context(), event("o-1", ""))
	require.ErrorIs(t, err, ErrUnknownTopic)
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	require.Less(t, time.Since(start), 5*time.Second)
	require.Nil(t, broker.Cluster().TopicInfo("orders"))

	require.NoError(t, broker.CreateTopic("orders", 1, nil))
	_, err = p.Publish(t.Context(), event("o-1", ""))
	require.NoError(t, err)
}

func TestPublishReturnsWhenItsContextIsDone(t *testing.T) {
	t.Run("broker never answers", func(t *testing.T) {
		p := newPublisher(t, blackHole(t))
		p.closeTimeout = 50 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := p.Publish(ctx, event("o-1", ""), event("o-2", ""))
		require.Less(t, time.Since(start), prompt)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "2 may be")
		for _, o := range requireOutcomes(t, err, 2) {
			require.True(t, o.MayBeWritten)
		}

		start = time.Now()
		require.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)
		require.Error(t, p.Close())
		require.Less(t, time.Since(start), 2*prompt)
	})
	t.Run("not enough replicas", func(t *testing.T) {
		broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
		fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		p := newPublisher(t, broker.Opts())
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := p.Publish(ctx, event("o-1", ""))
			failed <- err
		}()
		require.NoError(t, fault.Wait(t.Context(), 2))
		cancel()
		start := time.Now()
		err := <-failed
		require.Less(t, time.Since(start), prompt)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, requireOutcomes(t, err, 1)[0].MayBeWritten)

		// And it may be written indeed.
		fault.Remove()
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, int64(1), broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
	})
}

// kgo fails all that waits for a partition when the context of the first event
// ends. So two callers publish; the first goes away while the broker refuses for
// the time being; and the second one's event, fine in itself, would fail
// with a cancellation that the second caller knows nothing of.
func TestACallerThatGoesAwayFailsNobodyElse(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	p := newPublisher(t, broker.Opts())
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := p.Publish(ctx, event("o-1", ""))
		first <- err
	}()
	require.NoError(t, fault.Wait(t.Context(), 1))
	second := make(chan error, 1)
	p.PublishAsync(t.Context(), event("o-2", ""), func(_ Position, err error) { second <- err })
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	require.NoError(t, fault.Wait(t.Context(), 4))
	fault.Remove()
	require.NoError(t, <-second)
}

func TestDeliveryIsBounded(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	p := newPublisher(t, broker.Opts(), WithDeliveryTimeout(200*time.Millisecond))
	start := time.Now()
	_, err := p.Publish(context.Background(), event("o-1", ""))
	require.ErrorIs(t, err, ErrDeliveryTimeout)
	require.True(t, requireOutcomes(t, err, 1)[0].MayBeWritten)
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond)
	require.Less(t, time.Since(start), 3*time.Second)

	fault.Remove()
	_, err = p.Publish(t.Context(), event("o-1", ""))
	require.NoError(t, err)
}

// A request is sent and never answered. kgo can't give its events up, as it can't
// know whether they are written, so it would wait for good.
func TestPublishGivesUpOnARequestThatIsNeverAnswered(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts(), WithDeliveryTimeout(100*time.Millisecond))
	p.stall = 200 * time.Millisecond
	release := make(chan struct{})
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().DropControl()
		broker.Cluster().SleepControl(func() { <-release })
		return nil, nil, false
	})
	start := time.Now()
	_, err := p.Publish(context.Background(), event("o-1", ""), event("o-1", ""))
	require.ErrorIs(t, err, ErrDeliveryTimeout)
	require.Less(t, time.Since(start), prompt)
	for _, o := range requireOutcomes(t, err, 2) {
		require.True(t, o.MayBeWritten)
	}
	close(release)
	require.NoError(t, p.Flush(t.Context()))
	require.Equal(t, int64(2), broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
}

func TestAsyncFailuresAreTold(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts())
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord})
	told := make(chan error, 2)
	p.PublishAsync(t.Context(), event("o-1", ""), func(_ Position, err error) { told <- err })
	require.ErrorIs(t, p.Flush(t.Context()), kerr.InvalidRecord)
	require.ErrorIs(t, <-told, kerr.InvalidRecord)
	require.NoError(t, p.Flush(t.Context()), "a failure is returned once")

	p.PublishAsync(t.Context(), nil, nil)
	require.ErrorIs(t, p.Flush(t.Context()), ErrInvalidEvent)
	p.PublishAsync(t.Context(), nil, func(_ Position, err error) { told <- err })
	require.ErrorIs(t, <-told, ErrInvalidEvent)
	require.ErrorIs(t, p.Close(), ErrInvalidEvent)
}

func TestPublishingBlocksForRoomAsLongAsTheContextAllows(t *testing.T) {
	for name, limit := range map[string]kgo.Opt{"records": kgo.MaxBufferedRecords(1), "bytes": kgo.MaxBufferedBytes(20)} {
		t.Run(name, func(t *testing.T) {
			broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
			fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
			p := newPublisher(t, append(broker.Opts(), limit))
			first := make(chan error, 1)
			p.PublishAsync(t.Context(), event("o-1", "0123456789"), func(_ Position, err error) { first <- err })

			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := p.Publish(ctx, event("o-2", "0123456789"), event("o-3", ""))
			require.Less(t, time.Since(start), prompt)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			for _, o := range requireOutcomes(t, err, 2) {
				require.False(t, o.MayBeWritten, "it was never handed over")
			}

			fault.Remove()
			require.NoError(t, <-first)
			for range 10 { // all room came back
				_, err = p.Publish(t.Context(), event("o-2", "0123456789"))
				require.NoError(t, err)
			}
		})
	}
}

func TestAnEventLargerThanAllRoomIsRefused(t *testing.T) {
	p := newPublisher(t, []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1"), kgo.MaxBufferedBytes(20)})
	_, err := p.Publish(t.Context(), event("o-1", "01234567890123456789"))
	require.ErrorIs(t, err, ErrEventTooLarge)
}

func TestCloseWritesWhatWasHandedOver(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, append(broker.Opts(), kgo.ProducerLinger(time.Minute)))
	calls := 0 // written by one goroutine, which is done when Close returns
	for range 10 {
		p.PublishAsync(t.Context(), event("o-1", ""), func(_ Position, err error) {
			calls++
			require.NoError(t, err)
		})
	}
	require.NoError(t, p.Close())
	require.Equal(t, 10, calls)
	require.Equal(t, int64(10), broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
	require.NoError(t, p.Close())

	_, err := p.Publish(t.Context(), event("o-1", ""))
	require.ErrorIs(t, err, ErrPublisherClosed)
	require.ErrorIs(t, p.Flush(t.Context()), ErrPublisherClosed)
	var async error
	p.PublishAsync(t.Context(), event("o-1", ""), func(_ Position, err error) { async = err })
	require.ErrorIs(t, async, ErrPublisherClosed)
}

func TestCloseGivesUpInBoundedTime(t *testing.T) {
	p := newPublisher(t, blackHole(t))
	p.closeTimeout = 100 * time.Millisecond
	var async error
	p.PublishAsync(t.Context(), event("o-1", ""), func(_ Position, err error) { async = err })
	start := time.Now()
	require.ErrorIs(t, p.Close(), context.DeadlineExceeded)
	require.Less(t, time.Since(start), 2*prompt)
	require.ErrorIs(t, async, ErrPublisherClosed, "the function was called before Close returned")
}

func TestCloseWhileOthersPublish(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	p := newPublisher(t, broker.Opts())
	var publishers sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for {
				if _, err := p.Publish(t.Context(), event("o-1", "")); err != nil {
					require.ErrorIs(t, err, ErrPublisherClosed)
					return
				}
			}
		})
	}
	_, err := p.Publish(t.Context(), event("o-1", ""))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	publishers.Wait()
}

func TestOptionsThatBreakAPromiseAreRefused(t *testing.T) {
	seeds := kgo.SeedBrokers("127.0.0.1:1")
	tests := []struct {
		name  string
		topic string
		kafka []kgo.Opt
		opts  []PublisherOption
	}{
		{name: "no topic"},
		{name: "nil option", topic: "orders", opts: []PublisherOption{nil}},
		{name: "partition", topic: "orders", opts: []PublisherOption{WithPartition(-2)}},
		{name: "delivery timeout", topic: "orders", opts: []PublisherOption{WithDeliveryTimeout(0)}},
		{name: "transactional id", topic: "orders", opts: []PublisherOption{WithTransactionalID("")}},
		{name: "kgo transactional id", topic: "orders", kafka: []kgo.Opt{kgo.TransactionalID("x")}},
		{name: "idempotence", topic: "orders", kafka: []kgo.Opt{kgo.DisableIdempotentWrite()}},
		{name: "acks", topic: "orders", kafka: []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck())}},
		{name: "manual flushing", topic: "orders", kafka: []kgo.Opt{kgo.ManualFlushing()}},
		{name: "topic creation", topic: "orders", kafka: []kgo.Opt{kgo.AllowAutoTopicCreation()}},
		{name: "record timeout", topic: "orders", kafka: []kgo.Opt{kgo.RecordDeliveryTimeout(time.Second)}},
		{name: "not for kgo", topic: "orders", kafka: []kgo.Opt{kgo.ProducerLinger(time.Hour)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewPublisher(append(test.kafka, seeds), test.topic, test.opts...)
			require.ErrorIs(t, err, ErrInvalidOption)
		})
	}
	p := newPublisher(t, []kgo.Opt{seeds, kgo.DefaultProduceTopic("other"), kgo.DefaultProduceTopicAlways()})
	require.Equal(t, "orders", p.client.OptValue(kgo.DefaultProduceTopic))
}
