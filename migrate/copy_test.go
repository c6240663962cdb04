package migrate_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

func TestCopyIsTheSourceInItsOrder(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 1000)...)
	progress, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, migrate.WithBatchEvents(64))
	require.NoError(t, err)
	require.True(t, progress.AtHead)
	require.EqualValues(t, 1000, progress.Copied)
	require.Equal(t, "1000", progress.LastID)
	ids, events := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
	require.Equal(t, events[len(events)-1].IDInt(), progress.LastOffset)

	source.add(numbered(1001, 1100)...)
	progress, err = migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
	require.NoError(t, err)
	require.Equal(t, "1000", progress.After)
	require.EqualValues(t, 100, progress.Copied)
	ids, _ = copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)

	progress, err = migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
	require.NoError(t, err)
	require.Zero(t, progress.Copied)
	require.Equal(t, "1100", progress.LastID)
}

func TestCopyKeepsEveryFieldOfAnEvent(t *testing.T) {
	broker := keeping(t, "orders")
	at := time.Date(2021, 7, 8, 9, 10, 11, 0, time.UTC)
	trace := []byte("not a W3C trace")
	want := []*reflex.Event{
		{ID: "1", Type: fakeType(7), ForeignID: "order", Timestamp: at, MetaData: []byte("{}"), Trace: trace},
		{ID: "2", Type: fakeType(0), ForeignID: "", Timestamp: at.Add(123456 * time.Microsecond), MetaData: nil},
		{ID: "3", Type: fakeType(-1), ForeignID: "a\x00\xff", Timestamp: at.Add(time.Nanosecond), MetaData: []byte{}},
		{ID: "4", ForeignID: "no type and no time"},
	}
	source := newFakeSource(want...)
	copyAll(t, broker, source)
	_, got := copies(t, broker.Opts(), "orders")
	require.Len(t, got, len(want))
	for i, w := range want {
		g := got[i]
		require.Equal(t, w.ForeignID, g.ForeignID)
		require.Equal(t, w.MetaData, g.MetaData)
		require.Equal(t, w.Trace, g.Trace)
		require.True(t, w.Timestamp.Equal(g.Timestamp), "%s instead of %s", g.Timestamp, w.Timestamp)
		require.Equal(t, w.Type == nil, g.Type == nil)
		if w.Type != nil {
			require.True(t, reflex.IsType(w.Type, g.Type))
		}
	}

	// The event that the next copy compares has no type and no time.
	source.add(event("5"))
	copyAll(t, broker, source)
}

// A header that belies the time of its record must not move the event in time.
func TestDecoderTakesPrecisionOnly(t *testing.T) {
	at := time.UnixMilli(1_600_000_000_123).UTC()
	for text, want := range map[string]time.Time{
		"2020-09-13T12:26:40.123456Z": at.Add(456 * time.Microsecond),
		"2020-09-13T12:26:40.124456Z": at,
		"yesterday":                   at,
		"":                            at,
		"0001-01-01T00:00:00Z":        {},
	} {
		var e reflex.Event
		r := &kgo.Record{Timestamp: at, Headers: []kgo.RecordHeader{{Key: migrate.HeaderSourceTime, Value: []byte(text)}}}
		require.NoError(t, migrate.Decoder(nil)(r, &e))
		require.Equal(t, want, e.Timestamp, text)
	}
}

// Each target is refused before anything is changed in it.
func TestCopyRefusesTargetsThatAreNotFit(t *testing.T) {
	forEver := map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}
	with := func(name, value string) map[string]string {
		return map[string]string{"retention.ms": "-1", "retention.bytes": "-1", name: value}
	}
	for name, tc := range map[string]struct {
		partitions int32
		configs    map[string]string
		prepare    func(*testing.T, *kafkatest.Broker)
		allow      migrate.CopyOption
		err        error
		text       string
	}{
		"retention by time":  {configs: with("retention.ms", "604800000"), allow: migrate.WithFiniteRetention(), err: migrate.ErrTargetSettings, text: "retention.ms=604800000"},
		"retention by size":  {configs: with("retention.bytes", "1000"), allow: migrate.WithFiniteRetention(), err: migrate.ErrTargetSettings, text: "retention.bytes=1000"},
		"retention unstated": {configs: nil, allow: migrate.WithFiniteRetention(), err: migrate.ErrTargetSettings, text: "retention.ms="},
		"compaction":         {configs: with("cleanup.policy", "compact"), allow: migrate.WithoutTopicValidation(), err: migrate.ErrTargetSettings, text: "cleanup.policy=compact"},
		"some compaction":    {configs: with("cleanup.policy", "delete, compact"), err: migrate.ErrTargetSettings, text: "compact"},
		"times of arrival":   {configs: with("message.timestamp.type", "LogAppendTime"), err: migrate.ErrTargetSettings, text: "LogAppendTime"},
		"many partitions":    {partitions: 3, configs: forEver, allow: migrate.WithManyPartitions(), err: migrate.ErrTargetSettings, text: "3 partitions"},
		"a foreign record":   {configs: forEver, prepare: produceForeign, err: migrate.ErrForeignRecords, text: "offset 0"},
		"a foreign record behind a copy": {configs: forEver, prepare: func(t *testing.T, b *kafkatest.Broker) {
			t.Helper()
			copyAll(t, b, newFakeSource(numbered(1, 3)...))
			produceForeign(t, b)
		}, err: migrate.ErrForeignRecords, text: "offset 4"},
		"deleted records": {configs: forEver, prepare: func(t *testing.T, b *kafkatest.Broker) {
			t.Helper()
			copyAll(t, b, newFakeSource(numbered(1, 3)...))
			require.NoError(t, b.Cluster().DeleteRecords("orders", 0, 4))
		}, err: migrate.ErrForeignRecords, text: "before offset 4 were deleted"},
		"another source": {configs: forEver, prepare: func(t *testing.T, b *kafkatest.Broker) {
			t.Helper()
			copyAll(t, b, newFakeSource(event("1"), event("4")))
		}, err: migrate.ErrSourceMismatch, text: `event "2" after "1"`},
		"a source with other events": {configs: forEver, prepare: func(t *testing.T, b *kafkatest.Broker) {
			t.Helper()
			other := event("2")
			other.ForeignID = "another"
			copyAll(t, b, newFakeSource(event("1"), other))
		}, allow: migrate.WithoutSourceCheck(), err: migrate.ErrSourceMismatch, text: "another foreign id"},
		"a longer source": {configs: forEver, prepare: func(t *testing.T, b *kafkatest.Broker) {
			t.Helper()
			copyAll(t, b, newFakeSource(numbered(1, 30)...))
		}, err: migrate.ErrSourceMismatch, text: "nothing after"},
	} {
		t.Run(name, func(t *testing.T) {
			broker, err := kafkatest.New()
			require.NoError(t, err)
			defer broker.Close()
			require.NoError(t, broker.CreateTopic("orders", max(tc.partitions, 1), tc.configs))
			if tc.prepare != nil {
				tc.prepare(t, broker)
			}
			end := broker.Cluster().PartitionInfo("orders", 0).HighWatermark
			_, err = migrate.Copy(bounded(t), newFakeSource(numbered(1, 5)...).stream, broker.Opts(), "orders", 0)
			require.ErrorIs(t, err, tc.err)
			require.ErrorContains(t, err, tc.text)
			require.True(t, migrate.IsPermanent(err))
			require.Equal(t, end, broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
			if tc.allow != nil {
				_, err = migrate.Copy(bounded(t), newFakeSource(numbered(1, 5)...).stream, broker.Opts(), "orders", 0, tc.allow)
				require.NoError(t, err)
			}
		})
	}
}

// A copy that is running must not lose its right to write to one that has no business there.
func TestCopyOfAnotherSourceFencesNobody(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 10)...)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	copied := make(chan migrate.Progress, 100)
	ended := make(chan error, 1)
	go func() {
		_, err := migrate.Copy(ctx, source.stream, broker.Opts(), "orders", 0, migrate.WithFollow(), migrate.WithProgress(func(p migrate.Progress) { copied <- p }))
		ended <- err
	}()
	until(t, copied, "10")
	_, err := migrate.Copy(bounded(t), newFakeSource(event("x")).stream, broker.Opts(), "orders", 0)
	require.ErrorIs(t, err, migrate.ErrSourceMismatch)
	source.add(event("11"))
	until(t, copied, "11")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// until waits for the copy of an event.
func until(t *testing.T, copied <-chan migrate.Progress, id string) {
	t.Helper()
	for {
		select {
		case p := <-copied:
			if p.LastID == id {
				return
			}
		case <-time.After(patient):
			t.Fatalf("event %s is not copied", id)
		}
	}
}

// Somebody publishes to the target while it is copied into: the transaction in hand notices by its offsets and is
// aborted, so that no copy ever follows the foreign record.
func TestCopyNoticesWhoElseWritesToTheTarget(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 10)...)
	copied := make(chan migrate.Progress, 100)
	ended := make(chan error, 1)
	go func() {
		_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, migrate.WithFollow(), migrate.WithProgress(func(p migrate.Progress) { copied <- p }))
		ended <- err
	}()
	until(t, copied, "10")
	produceForeign(t, broker)
	source.add(numbered(11, 12)...)
	require.ErrorIs(t, <-ended, migrate.ErrForeignRecords)
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, append(newFakeSource(numbered(1, 10)...).ids(), ""), ids)
}

// A transaction of somebody else is open: whether its records come before what would be copied is not known.
func TestCopyRefusesATargetWithAnOpenTransaction(t *testing.T) {
	broker := keeping(t, "orders")
	client, err := kgo.NewClient(append(broker.Opts(), kgo.TransactionalID("somebody"))...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	require.NoError(t, client.ProduceSync(bounded(t), &kgo.Record{Topic: "orders", Value: []byte("foreign")}).FirstErr())
	source := newFakeSource(numbered(1, 3)...)
	_, err = migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, migrate.WithCopyTimeout(time.Second))
	require.ErrorIs(t, err, migrate.ErrForeignRecords)
	require.ErrorContains(t, err, "open transaction")

	require.NoError(t, client.EndTransaction(bounded(t), kgo.TryAbort))
	copyAll(t, broker, source)
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}

func TestCopyEndsAtWhatIsWrongWithTheSource(t *testing.T) {
	errSource := errors.New("database is down")
	old := event("3")
	old.Timestamp = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)
	large := event("3")
	large.MetaData = make([]byte, 2<<20)
	for name, tc := range map[string]struct {
		events  []*reflex.Event
		failure error
		err     error
		copied  string
	}{
		"a repeated event":          {events: []*reflex.Event{event("1"), event("2"), event("2")}, err: migrate.ErrSourceOrder, copied: "1 2"},
		"an event out of order":     {events: []*reflex.Event{event("1"), event("3"), event("2")}, err: migrate.ErrSourceOrder, copied: "1 3"},
		"an event without ID":       {events: []*reflex.Event{event("1"), {}}, err: migrate.ErrSourceOrder, copied: "1"},
		"a time that Kafka has not": {events: []*reflex.Event{event("1"), event("2"), old}, err: kafkastream.ErrInvalidEvent, copied: "1 2"},
		"a failure":                 {events: numbered(1, 3), failure: errSource, err: errSource, copied: "1 2"},
		// The events before it may share its transaction.
		"an event that is too large": {events: []*reflex.Event{event("1"), event("2"), large}, err: kafkastream.ErrEventTooLarge, copied: "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			broker := keeping(t, "orders")
			source := newFakeSource(tc.events...)
			source.failAt, source.failure = "3", tc.failure
			_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.failure == nil, migrate.IsPermanent(err))
			ids, _ := copies(t, broker.Opts(), "orders")
			if errors.Is(tc.err, kafkastream.ErrEventTooLarge) {
				require.ErrorContains(t, err, `event "3" to be written`)
				require.True(t, strings.HasPrefix(tc.copied, strings.Join(ids, " ")))
				return
			}
			require.Equal(t, tc.copied, strings.Join(ids, " "))
		})
	}
}

// A source that doesn't answer, or waits for more instead of saying that it is at its head, proves nothing: it is not
// called another source.
func TestCopyDoesNotJudgeASilentSource(t *testing.T) {
	broker := keeping(t, "orders")
	copyAll(t, broker, newFakeSource(numbered(1, 10)...))
	shorter := newFakeSource(numbered(1, 5)...)
	headless := func(ctx context.Context, after string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
		return shorter.stream(ctx, after)
	}
	_, err := migrate.Copy(bounded(t), headless, broker.Opts(), "orders", 0, migrate.WithCopyTimeout(time.Second))
	require.ErrorIs(t, err, migrate.ErrInterrupted)
	require.False(t, migrate.IsPermanent(err))
}

func TestCopyCreatesATopicThatKeepsEverything(t *testing.T) {
	broker := keeping(t)
	source := newFakeSource(numbered(1, 3)...)
	_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
	require.ErrorIs(t, err, kafkastream.ErrUnknownTopic)
	for range 2 {
		copyAll(t, broker, source, migrate.WithCreateTopic(-1))
	}
	configs := broker.Cluster().TopicInfo("orders").Configs
	require.Equal(t, "-1", *configs["retention.ms"])
	require.Equal(t, "-1", *configs["retention.bytes"])
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}

func TestCopyOptionsAreChecked(t *testing.T) {
	source := newFakeSource().stream
	for name, opt := range map[string]migrate.CopyOption{
		"nil": nil, "no events": migrate.WithBatchEvents(0), "too many events": migrate.WithBatchEvents(1 << 20),
		"no progress": migrate.WithProgress(nil), "no time": migrate.WithCopyTimeout(0), "no prefix": migrate.WithTransactionalIDPrefix(""),
		"no replicas": migrate.WithCreateTopic(-2),
	} {
		_, err := migrate.Copy(t.Context(), source, nil, "orders", 0, opt)
		require.ErrorIs(t, err, migrate.ErrInvalidOption, name)
	}
	_, err := migrate.Copy(t.Context(), nil, nil, "", -1)
	require.ErrorIs(t, err, migrate.ErrInvalidOption)
	for _, opt := range []kgo.Opt{kgo.ConsumerGroup("g"), kgo.TransactionalID("t"), kgo.RecordDeliveryTimeout(time.Second)} {
		_, err := migrate.Copy(t.Context(), source, []kgo.Opt{opt}, "orders", 0)
		require.ErrorIs(t, err, migrate.ErrInvalidOption)
	}
}

// The brokers accept connections and answer no more, at each request of a copy in turn: the copy returns soon
// after its context is done all the same.
func TestCopyReturnsPromptlyFromSilentBrokers(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.DescribeConfigs, kmsg.ListOffsets, kmsg.Fetch, kmsg.InitProducerID, kmsg.Produce, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			broker := keeping(t, "orders")
			source := newFakeSource(numbered(1, 10)...)
			copyAll(t, broker, source)
			source.add(numbered(11, 20)...)
			asked := make(chan struct{}, 100)
			release := make(chan struct{})
			broker.Cluster().ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
				broker.Cluster().KeepControl()
				asked <- struct{}{}
				broker.Cluster().SleepControl(func() { <-release })
				return nil, nil, false
			})
			defer close(release)
			ctx, cancel := context.WithCancel(bounded(t))
			ended := make(chan error, 1)
			go func() {
				_, err := migrate.Copy(ctx, source.stream, broker.Opts(), "orders", 0)
				ended <- err
			}()
			<-asked
			cancel()
			began := time.Now()
			require.ErrorIs(t, <-ended, context.Canceled)
			require.Less(t, time.Since(began), 3*time.Second)
		})
	}
}

// Without a context that ends, the timeout does it, and what is copied later goes on where it was.
func TestCopyGivesUpOnSilentBrokers(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 10)...)
	copyAll(t, broker, source)
	source.add(numbered(11, 20)...)
	var silent atomic.Bool
	silent.Store(true)
	release := make(chan struct{})
	broker.Cluster().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		if silent.Load() {
			broker.Cluster().SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0, migrate.WithCopyTimeout(time.Second))
	require.ErrorIs(t, err, migrate.ErrInterrupted)
	require.False(t, migrate.IsPermanent(err))
	silent.Store(false)
	close(release)
	copyAll(t, broker, source)
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}

// A target that stands still must not make the source be read into memory.
func TestCopyReadsAheadInBoundedMemory(t *testing.T) {
	broker := keeping(t, "orders")
	var events []*reflex.Event
	for _, e := range numbered(1, 200) {
		e.MetaData = make([]byte, 512<<10)
		events = append(events, e)
	}
	source := newFakeSource(events...)
	var read atomic.Int64
	counting := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := source.stream(ctx, after, opts...)
		return countingClient{client, &read}, err
	}
	release := make(chan struct{})
	var once atomic.Bool
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		if once.CompareAndSwap(false, true) {
			broker.Cluster().SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	ended := make(chan error, 1)
	go func() {
		_, err := migrate.Copy(bounded(t), counting, broker.Opts(), "orders", 0)
		ended <- err
	}()
	require.Eventually(t, once.Load, patient, time.Millisecond)
	require.Never(t, func() bool { return read.Load() > 34 }, 300*time.Millisecond, 10*time.Millisecond, "16 MiB are 32 events")
	close(release)
	require.NoError(t, <-ended)
	require.EqualValues(t, 200, read.Load())
}

type countingClient struct {
	reflex.StreamClient
	read *atomic.Int64
}

func (c countingClient) Recv() (*reflex.Event, error) {
	e, err := c.StreamClient.Recv()
	if err == nil {
		c.read.Add(1)
	}
	return e, err
}

func TestCopyOutlivesErrorsThatPass(t *testing.T) {
	broker := keeping(t, "orders")
	for key, err := range map[kmsg.Key]*kerr.Error{
		kmsg.DescribeConfigs: kerr.RequestTimedOut, kmsg.InitProducerID: kerr.CoordinatorLoadInProgress, kmsg.Produce: kerr.NotEnoughReplicas,
		kmsg.EndTxn: kerr.ConcurrentTransactions, kmsg.Fetch: kerr.NotLeaderForPartition, kmsg.ListOffsets: kerr.LeaderNotAvailable,
	} {
		broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: 2})
	}
	source := newFakeSource(numbered(1, 20)...)
	for {
		_, err := migrate.Copy(bounded(t), source.stream, broker.Opts(), "orders", 0)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, migrate.ErrInterrupted)
	}
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}

// BenchmarkCopy copies into the embedded broker.
func BenchmarkCopy(b *testing.B) {
	broker := keeping(b, "orders")
	source := newFakeSource(numbered(1, b.N)...)
	b.ResetTimer()
	_, err := migrate.Copy(context.Background(), source.stream, broker.Opts(), "orders", 0)
	require.NoError(b, err)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func TestPlanOfACopyChangesNothing(t *testing.T) {
	broker := keeping(t)
	source := newFakeSource(numbered(1, 3)...)
	plan := func(opts ...migrate.CopyOption) (migrate.Progress, error) {
		return migrate.PlanCopy(bounded(t), source.stream, broker.Opts(), "orders", 0, opts...)
	}
	_, err := plan()
	require.ErrorIs(t, err, kafkastream.ErrUnknownTopic)
	progress, err := plan(migrate.WithCreateTopic(-1))
	require.NoError(t, err)
	require.EqualValues(t, -1, progress.LastOffset)
	require.Nil(t, broker.Cluster().TopicInfo("orders"))

	copyAll(t, broker, source, migrate.WithCreateTopic(-1))
	end := broker.Cluster().PartitionInfo("orders", 0).HighWatermark
	source.add(numbered(4, 5)...)
	progress, err = plan()
	require.NoError(t, err)
	require.Equal(t, "3", progress.After)
	require.EqualValues(t, 2, progress.LastOffset)
	require.Equal(t, end, broker.Cluster().PartitionInfo("orders", 0).HighWatermark)
}
