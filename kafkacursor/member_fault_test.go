package kafkacursor_test

import (
	"context"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
)

// joinedAll is a store whose member has all partitions, with cursor 1 each.
func joinedAll(t *testing.T, opts ...kafkacursor.Option) *joined {
	t.Helper()
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m, append([]kafkacursor.Option{kafkacursor.WithFlushInterval(anHour)}, opts...)...)
	j.m = m
	j.get(all()...)
	j.set(1, all()...)
	require.NoError(t, j.store.Flush(e.ctx))
	return j
}

// What passes by itself is waited out, and nobody hears of it.
func TestPassingFaultsOfAMembersTransactionHeal(t *testing.T) {
	for name, fault := range map[string]kfake.Fault{
		"coordinator loads":       {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: 2},
		"coordinator moved":       {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.NotCoordinator, Count: 2},
		"coordinator is away":     {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		"rebalance":               {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.RebalanceInProgress, Count: 2},
		"transaction before":      {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.ConcurrentTransactions, Count: 2},
		"abortable":               {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable, Count: 1},
		"one partition":           {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Topic: orders, Partitions: []int32{7}, Err: kerr.RebalanceInProgress, Count: 1},
		"too few replicas":        {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 2},
		"transaction coordinator": {Keys: []kmsg.Key{kmsg.EndTxn}, TopLevel: true, Err: kerr.NotCoordinator, Count: 2},
	} {
		t.Run(name, func(t *testing.T) {
			j := joinedAll(t)
			handle := j.broker.Cluster().Fault(fault)
			j.set(2, all()...)
			require.NoError(t, j.store.Flush(j.ctx))
			require.Equal(t, fault.Count, handle.Hits())
			j.requireCursors("2", all()...)
			j.set(3, all()...)
			require.NoError(t, j.store.Flush(j.ctx))
			j.requireCursors("3", all()...)
		})
	}
}

// What doesn't pass in time is told, and what was set is kept.
func TestLastingFaultOfAMembersTransactionIsToldAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		fault kfake.Fault
		kind  error
		part  string
	}{
		"rebalance":        {kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.RebalanceInProgress}, kafkacursor.ErrUnreachable, ""},
		"group refuses":    {kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.GroupAuthorizationFailed}, kafkacursor.ErrNotAuthorised, "READ of the group"},
		"events are gone":  {kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.UnknownTopicOrPartition}, kafkacursor.ErrRefused, "offset of orders/"},
		"too few replicas": {kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas}, kafkacursor.ErrUnreachable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := joinedAll(t, kafkacursor.WithTimeout(time.Second))
			c.fault.Count = -1
			handle := j.broker.Cluster().Fault(c.fault)
			j.set(2, all()...)
			begin := time.Now()
			requireErrorHas(t, j.store.Flush(j.ctx), c.kind, c.part)
			require.Less(t, time.Since(begin), time.Second+2*prompt)
			j.requireCursors("1", all()...)
			handle.Remove()
			j.eventually("it is written", func() bool { return j.store.Flush(j.ctx) == nil })
			j.requireCursors("2", all()...)
		})
	}
}

// The broker takes the end of the transaction and says nothing.
func TestUnknownEndOfAMembersTransaction(t *testing.T) {
	j := joinedAll(t, kafkacursor.WithTimeout(time.Second))
	release := j.hold(kmsg.EndTxn)
	j.set(2, all()...)
	// Flush and the write have the same time: either may be the first to give up.
	err := j.store.Flush(j.ctx)
	for errors.Is(err, kafkacursor.ErrUnreachable) {
		err = j.store.Flush(j.ctx)
	}
	require.ErrorIs(t, err, kafkacursor.ErrOwnershipUnknown)
	require.ErrorIs(t, j.of[3].SetCursor(j.ctx, "billing", "3"), kafkacursor.ErrOwnershipUnknown)
	release()
	for _, p := range all() {
		require.Contains(t, []string{stamped("1"), stamped("2")}, j.cursor(p))
	}
	j.set(4, all()...)
	require.NoError(t, j.store.Flush(j.ctx))
	j.requireCursors("4", all()...)
}

// Two processes were given one transactional ID.
func TestSecondProcessWithTheTransactionalIDFences(t *testing.T) {
	j := joinedAll(t)
	m := j.member()
	second := j.join("process-a", m)
	j.eventually("it has partitions", func() bool { return len(m.has()) == many/2 })
	second.get(m.has()...)
	var kept []int32
	for _, p := range all() {
		if !m.Owns(orders, p) {
			kept = append(kept, p)
		}
	}
	j.set(2, kept...)
	requireErrorHas(t, j.store.Flush(j.ctx), kafkacursor.ErrFenced, `transactional ID "process-a"`)
	j.requireCursors("1", all()...)
	second.set(2, m.has()...)
	require.NoError(t, second.store.Flush(j.ctx))
	j.requireCursors("2", m.has()...)
}

// A process died in the middle of a transaction. After its restart it waits for nothing: the cursors are not
// hidden until the transaction times out.
func TestRestartAbortsWhatACrashLeftOpen(t *testing.T) {
	j := joinedAll(t)
	release := j.hold(kmsg.TxnOffsetCommit)
	j.set(2, all()...)
	ctx, cancel := context.WithTimeout(j.ctx, 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, j.store.Flush(ctx), context.DeadlineExceeded)
	open := j.broker.Cluster().PartitionInfo(cursors, 0)
	require.Less(t, open.LastStableOffset, open.HighWatermark, "its transaction is open")

	again := j.join("process-a", j.m)
	begin := time.Now()
	again.get(0)
	require.Less(t, time.Since(begin), 5*time.Second)
	release()
	require.Equal(t, stamped("1"), again.cursor(0))
}

func TestLeavingWaitsForTheWriteThatIsUnderWay(t *testing.T) {
	j := joinedAll(t)
	commits := j.count(kmsg.TxnOffsetCommit)
	release := j.hold(kmsg.EndTxn)
	j.set(2, all()...)
	flushed, left := make(chan error, 1), make(chan struct{})
	go func() { flushed <- j.store.Flush(j.ctx) }()
	require.NoError(t, commits.Wait(j.ctx, 1))
	go func() {
		defer close(left)
		j.leave()
	}()
	select {
	case <-left:
		require.Fail(t, "left with a write under way")
	case <-time.After(100 * time.Millisecond):
	}
	release()
	<-left
	require.NoError(t, <-flushed)
	j.requireCursors("2", all()...)
}

// The cursor is being got when the member leaves, so it is owned after all that were are not any more.
func TestCursorThatWasGotWhileLeavingIsNotWritten(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m)
	inits := e.count(kmsg.InitProducerID)
	of := j.store.For(order(0))
	fetches := e.hold(kmsg.Fetch) // what reads the cursors
	got := make(chan error, 1)
	go func() {
		_, err := of.GetCursor(e.ctx, "billing")
		got <- err
	}()
	require.NoError(t, inits.Wait(e.ctx, 1))
	j.leave()
	fetches()
	if err := <-got; err != nil { // it came too late even for that
		require.ErrorIs(t, err, kafkacursor.ErrNotMember)
		return
	}
	err := of.SetCursor(e.ctx, "billing", "1")
	if err == nil {
		err = of.Flush(e.ctx)
	}
	require.ErrorIs(t, err, kafkacursor.ErrNotMember)
	e.requireCursors("", 0)
}

// A broker that takes requests and answers none.
func TestMembersCallsArePromptBeforeABrokerThatHangs(t *testing.T) {
	for name, keys := range map[string][]kmsg.Key{
		"first client": {kmsg.InitProducerID},
		"which kind":   {kmsg.ApiVersions},
	} {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			m := e.member()
			e.await(map[*member]int{m: many})
			j := e.join("process-a", m)
			e.hold(keys...)
			of := j.store.For(order(0))
			requirePrompt(t, "GetCursor", func(ctx context.Context) error {
				_, err := of.GetCursor(ctx, "billing")
				return err
			})
			requirePrompt(t, "SetCursor", func(ctx context.Context) error { return of.SetCursor(ctx, "billing", "1") })
			begin := time.Now()
			j.leave()
			require.NoError(t, j.store.Close())
			require.Less(t, time.Since(begin), prompt)
		})
	}
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			j := joinedAll(t, kafkacursor.WithTimeout(time.Second))
			j.hold(key)
			j.set(2, all()...)
			requirePrompt(t, "Flush", func(ctx context.Context) error { return j.store.Flush(ctx) })
			require.NoError(t, j.of[0].SetCursor(j.ctx, "billing", "3"))
			begin := time.Now()
			j.leave()
			require.Less(t, time.Since(begin), time.Second+prompt, "leave waits for the round")
			require.Error(t, j.store.Close())
			require.Less(t, time.Since(begin), 2*time.Second+prompt)
		})
	}
}

// Before Kafka 2.5 an offset came without its member. A broker of then would take it from a zombie.
func TestBrokersThatKnowNoMembersAreRefused(t *testing.T) {
	e := newMemberEnv(t, kafkatest.WithKfake(kfake.MaxVersions(kversion.V2_4_0())))
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m)
	_, err := j.store.For(order(0)).GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrRefused, "Kafka 2.5", "billing/orders/0")

	// And if another one was asked: it gets no commit that it would misunderstand.
	e.hideVersions()
	s := e.join("process-b", m, kafkacursor.WithTimeout(time.Second))
	s.get(0)
	s.set(1, 0)
	require.ErrorIs(t, s.store.Flush(e.ctx), kafkacursor.ErrUnreachable)
	e.requireCursors("", 0)
}

// hideVersions has brokers say nothing of what they know to us, and the truth to kgo.
func (e *env) hideVersions() {
	e.Helper()
	e.broker.Cluster().ControlKey(int16(kmsg.ApiVersions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.broker.Cluster().KeepControl()
		asked, ok := req.(*kmsg.ApiVersionsRequest)
		if !ok || asked.ClientSoftwareName != "kreflex" {
			return nil, nil, false
		}
		resp, ok := asked.ResponseKind().(*kmsg.ApiVersionsResponse)
		return resp, nil, ok
	})
}
