package kafkacursor_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// begin leaves a transaction open in the topic.
func (e *env) begin(values ...string) *kgo.Client {
	e.Helper()
	cl := e.client(kgo.TransactionalID("somebody"), kgo.TransactionTimeout(time.Minute))
	require.NoError(e, cl.BeginTransaction())
	for _, value := range values {
		r := &kgo.Record{Topic: cursors, Key: []byte("somebody else"), Value: []byte(value)}
		require.NoError(e, cl.ProduceSync(e.ctx, r).FirstErr())
	}
	return cl
}

// Somebody else's transaction hangs in the topic. Behind it billing wrote 7 and was
// told that it is durable. A read up to the last stable offset would find the
// cursor before, and consume all since then again.
func TestCursorBehindAnOpenTransactionIsWaitedFor(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	e.write(s, "5")
	hanging := e.begin("a", "b")
	e.write(s, "7")

	fresh := e.open(kafkacursor.WithTimeout(time.Second))
	begin := time.Now()
	_, err := fresh.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrOpenTransaction, "last stable offset 1 < high watermark 4", "billing")
	require.False(t, reflex.IsExpected(err), "nobody would see it")
	require.Less(t, time.Since(begin), time.Second+prompt)
	requirePrompt(t, "GetCursor", func(ctx context.Context) error {
		_, err := fresh.GetCursor(ctx, "billing")
		require.ErrorContains(t, err, "last stable offset 1 < high watermark 4: an open transaction")
		return err
	})

	got := make(chan string, 1)
	go func() {
		cursor, _ := e.open().GetCursor(e.ctx, "billing")
		got <- cursor
	}()
	require.NoError(t, hanging.EndTransaction(e.ctx, kgo.TryAbort))
	require.Equal(t, "7", <-got)
	e.requireAt(fresh, "7")
}

// The last records of the topic are an aborted transaction and its marker: the
// offset of the last cursor is never near the end.
func TestAbortedTailIsNotWaitedFor(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	e.write(s, "5")
	require.NoError(t, e.begin("a", "b").EndTransaction(e.ctx, kgo.TryAbort))
	e.requireAt(s, "5")
	e.requireAt(e.open(), "5")
}

func TestCompactedTopicIsReadWhole(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	for i := range 20 {
		e.write(s, strconv.Itoa(i))
	}
	require.NoError(t, s.Delete(e.ctx, kafkacursor.Key{Consumer: "nobody"}))
	e.broker.Cluster().Compact()
	require.Less(t, len(e.records()), 5)
	e.requireAt(s, "19")
	e.write(s, "20")
	e.requireAt(e.open(), "20")
}

// All records were deleted, so the log starts where it ends. What was there is gone, and
// the view must not go on to have it.
func TestEmptiedTopicHasNoCursors(t *testing.T) {
	e := newEnv(t)
	s, idle := e.open(), e.open()
	e.requireAt(s, "")
	e.write(s, "5")
	e.requireAt(idle, "5")
	end := e.broker.Cluster().PartitionInfo(cursors, 0).HighWatermark
	require.NoError(t, e.broker.Cluster().DeleteRecords(cursors, 0, end))
	_, ok, err := e.open().Peek(e.ctx, kafkacursor.Key{Consumer: "billing"})
	require.NoError(t, err)
	require.False(t, ok)
}

// The view could not read for a while, and what it would have read next was removed: the
// sign that billing was deleted may be among that.
func TestViewThatMissedRecordsIsBuiltAnew(t *testing.T) {
	e := newEnv(t)
	key := kafkacursor.Key{Consumer: "billing"}
	s := e.open()
	require.NoError(t, s.SetCursor(e.ctx, "billing", "5"))
	require.NoError(t, s.Flush(e.ctx))
	_, ok, err := s.Peek(e.ctx, key)
	require.NoError(t, err)
	require.True(t, ok)

	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.KafkaStorageError, Count: -1})
	require.NoError(t, fault.Wait(e.ctx, 1))
	other := e.client()
	e.produce(other, "", "9")
	e.produce(other, "", "10")
	require.NoError(t, e.broker.Cluster().DeleteRecords(cursors, 0, e.broker.Cluster().PartitionInfo(cursors, 0).HighWatermark))
	fault.Remove()
	_, ok, err = s.Peek(e.ctx, key)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestNotEnoughReplicasHeals(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 3})
	e.write(s, "7")
	require.Equal(t, 3, fault.Hits())
	require.Equal(t, []string{"7@1"}, e.records())
}

// Too few replicas for longer than the timeout. The failure is told once, the cursor
// is kept, replaced by newer ones, and written when the replicas are back.
func TestFailedWriteIsToldKeptAndRepeated(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithTimeout(time.Second))
	e.requireAt(s, "")
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	require.NoError(t, s.SetCursor(e.ctx, "billing", "7"))
	begin := time.Now()
	err := s.Flush(e.ctx)
	requireErrorHas(t, err, kafkacursor.ErrUnreachable, "is kept")
	require.False(t, reflex.IsExpected(err), "nobody would see it")
	require.Less(t, time.Since(begin), time.Second+prompt)

	require.ErrorIs(t, e.eventuallyRefused(s, "8"), kafkacursor.ErrUnreachable)
	require.NoError(t, s.SetCursor(e.ctx, "billing", "9"), "it was told")
	fault.Remove()
	e.eventually("the cursor is written", func() bool { return s.Flush(e.ctx) == nil })
	require.NoError(t, s.SetCursor(e.ctx, "billing", "10"))
	e.requireAt(s, "10")
	all := e.records()
	require.Contains(t, []string{"9@1", "10@1"}, all[0], "only the newest is written")
}

func TestRefusedWriteIsTold(t *testing.T) {
	for code, kind := range map[*kerr.Error]error{
		kerr.TopicAuthorizationFailed: kafkacursor.ErrNotAuthorised,
		kerr.InvalidRecord:            kafkacursor.ErrRefused,
	} {
		e := newEnv(t)
		s := e.open()
		e.requireAt(s, "")
		fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: code, Count: -1})
		require.ErrorIs(t, e.eventuallyRefused(s, "7"), kind)
		require.ErrorIs(t, s.Close(), kind, "Close can't flush")
		fault.Remove()
	}
}

// The broker goes away and comes back with its data, as in a rolling restart.
func TestBrokerRestart(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			port := freePort(t)
			start := func() *kafkatest.Broker {
				b, err := kafkatest.New(kafkatest.WithDataDir(dir), kafkatest.WithPort(port))
				require.NoError(t, err)
				t.Cleanup(b.Close)
				return b
			}
			e := &env{T: t, broker: start(), ctx: bounded(t)}
			s := e.open(opts...)
			e.requireAt(s, "")
			e.write(s, "7")
			e.broker.Close()
			requirePrompt(t, "GetCursor", func(ctx context.Context) error {
				_, err := s.GetCursor(ctx, "shipping")
				return err
			})
			e.broker = start()
			e.requireAt(s, "7")
			e.write(s, "8")
			e.requireAt(e.open(opts...), "8")
		})
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// What follows the topic dies of an ACL. Nobody may wait for it, and once the ACL is
// right again the store works without being opened anew.
func TestViewThatDiedIsStartedAgain(t *testing.T) {
	e := newEnv(t)
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	s := e.open()
	e.open()
	e.begin("a") // so that there is something to wait for
	_, err := s.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrNotAuthorised, "READ")
	_, err = s.List(e.ctx)
	require.ErrorIs(t, err, kafkacursor.ErrNotAuthorised)
	fault.Remove()
	require.NoError(t, e.client(kgo.TransactionalID("somebody")).BeginTransaction())
	_, _, err = e.client(kgo.TransactionalID("somebody")).ProducerID(e.ctx) // ends the transaction
	require.NoError(t, err)
	e.requireAt(s, "")
}

// While the consumer runs, nobody looks at the view, so that an owner who is superseded
// would not hear of it. Flush says so.
func TestFlushTellsThatNobodyFollows(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	fault := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: 1})
	next := 0
	var err error
	e.eventually("Flush tells", func() bool {
		next++
		require.NoError(t, s.SetCursor(e.ctx, "billing", strconv.Itoa(next)))
		err = s.Flush(e.ctx)
		return err != nil
	})
	require.ErrorIs(t, err, kafkacursor.ErrNotAuthorised)
	require.Equal(t, 1, fault.Hits())
	require.NoError(t, s.Flush(e.ctx))
	e.requireAt(s, strconv.Itoa(next))
}

// The topic is deleted and created again: all cursors are gone, and a store that
// went on with the new one would have every consumer begin at the start.
func TestRecreatedTopicIsRefused(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	e.write(s, "7")
	require.NoError(t, e.broker.Cluster().DeleteTopic(cursors))
	_, err := s.GetCursor(e.ctx, "billing")
	require.ErrorIs(t, err, kafkacursor.ErrUnknownTopic)
	e.open()
	for range 2 {
		_, err = s.GetCursor(e.ctx, "billing")
		requireErrorHas(t, err, kafkacursor.ErrTopicRecreated, "open another Store")
	}
}

func TestCallsArePromptBeforeABrokerThatHangs(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			s := e.open(opts...)
			e.requireAt(s, "")
			e.write(s, "7")
			done := make(chan struct{})
			defer close(done)
			e.broker.Cluster().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
				e.broker.Cluster().KeepControl()
				e.broker.Cluster().SleepControl(func() { <-done })
				return nil, nil, false
			})
			require.NoError(t, s.SetCursor(e.ctx, "billing", "8"))
			key := kafkacursor.Key{Consumer: "billing"}
			// In this order: a fenced GetCursor that got no answer leaves it open who the
			// owner is, which is then what Flush says.
			for _, c := range []struct {
				what string
				call func(context.Context) error
			}{
				{"Flush", s.Flush},
				{"List", func(ctx context.Context) error { return second(s.List(ctx)) }},
				{"Reset", func(ctx context.Context) error { return s.Reset(ctx, key, "1") }},
				{"GetCursor", func(ctx context.Context) error { return second(s.GetCursor(ctx, "billing")) }},
				{"SetCursor", func(ctx context.Context) error { return s.SetCursor(ctx, "shipping", "8") }},
			} {
				requirePrompt(t, c.what, c.call)
			}
		})
	}
}

func TestCloseIsBoundedBeforeABrokerThatHangs(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			s := e.open(append(opts, kafkacursor.WithTimeout(time.Second))...)
			e.requireAt(s, "")
			defer stall(e.broker.Cluster())(t)()
			require.NoError(t, s.SetCursor(e.ctx, "billing", "8"))
			begin := time.Now()
			err := s.Close()
			require.Error(t, err, "the cursor is not durable")
			require.False(t, reflex.IsExpected(err), "nobody would see it: %v", err)
			require.Less(t, time.Since(begin), time.Second+prompt)
			require.Equal(t, err, s.Close())
		})
	}
}

func TestOnlyTheNewestCursorsAreWritten(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	begin := time.Now()
	for i := range 50000 {
		require.NoError(t, s.SetCursor(e.ctx, "billing", strconv.Itoa(i)))
	}
	writes := int(time.Since(begin)/(100*time.Millisecond)) + 2
	require.NoError(t, s.Flush(e.ctx))
	all := e.records()
	require.LessOrEqual(t, len(all), writes)
	require.Equal(t, "49999@1", all[len(all)-1])
}

func TestFlushOfABoundStoreIsAboutItsOwnConsumers(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithFencing("test-"))
	orders, payments := s.For(log{}), s.For(log{})
	e.requireAt(orders, "")
	other := e.client(kgo.TransactionalID("test-billing/orders/0"))
	_, _, err := other.ProducerID(e.ctx)
	require.NoError(t, err)
	require.NoError(t, orders.SetCursor(e.ctx, "billing", "1"))
	require.NoError(t, payments.SetCursor(e.ctx, "shipping", "1"))
	require.NoError(t, payments.Flush(e.ctx))
	require.ErrorIs(t, orders.Flush(e.ctx), kafkacursor.ErrFenced)
}
