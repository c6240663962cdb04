package kafkacursor_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
)

const anHour = time.Hour

func all() []int32 { return upTo(many) }

func upTo(n int32) []int32 {
	var partitions []int32
	for p := range n {
		partitions = append(partitions, p)
	}
	return partitions
}

// What a flush costs is the transaction, whatever it holds.
func TestOneTransactionForAllPartitionsOfAMember(t *testing.T) {
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			m := e.member(protocol...)
			e.await(map[*member]int{m: many})
			j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
			j.get(all()...)
			ends, commits, adds := e.count(kmsg.EndTxn), e.count(kmsg.TxnOffsetCommit), e.count(kmsg.AddOffsetsToTxn)
			const rounds = 3
			for i := range rounds {
				for n := range 5 {
					j.set(10*i+n, all()...)
				}
				require.NoError(t, j.store.Flush(e.ctx))
				require.Equal(t, i+1, ends.Hits())
			}
			require.NoError(t, j.store.Flush(e.ctx), "nothing to write")
			j.set(99, 3)
			require.NoError(t, j.store.Flush(e.ctx))
			require.Equal(t, rounds+1, ends.Hits())
			require.Equal(t, rounds+1, commits.Hits())
			require.Zero(t, adds.Hits(), "the cluster has transactions that do without")

			e.requireCursors("24", 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
			e.requireCursors("99", 3)
			want := make(map[int32]int64)
			for _, p := range all() {
				want[p] = 25
			}
			want[3] = 100
			require.Equal(t, want, e.committed(), "what the group reads next")
		})
	}
}

// Clusters before 4.0, and those upgraded and not told so, have transactions of the first kind: the group has
// to be made part of each.
func TestMemberFencingWithTransactionsOfTheFirstKind(t *testing.T) {
	e := newMemberEnv(t)
	e.firstTransactions()
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
	j.get(all()...)
	adds := e.count(kmsg.AddOffsetsToTxn)
	var versions atomic.Int32
	e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Count: -1, When: func(req kmsg.Request) bool {
		versions.Store(int32(req.GetVersion()))
		return false
	}})
	for i := range 3 {
		j.set(i, all()...)
		require.NoError(t, j.store.Flush(e.ctx))
		require.Equal(t, i+1, adds.Hits())
	}
	require.Equal(t, int32(4), versions.Load())
	e.requireCursors("2", all()...)
	require.Equal(t, int64(3), e.committed()[11])

	zombie := m.freeze()
	m.cl.Close()
	z := e.join("process-z", zombie, kafkacursor.WithFlushInterval(anHour))
	z.get(0)
	z.set(7, 0)
	require.ErrorIs(t, z.store.Flush(e.ctx), kafkacursor.ErrFenced)
	e.requireCursors("2", all()...)
}

// firstTransactions has the cluster do without KIP-890.
func (e *env) firstTransactions() {
	e.Helper()
	req := kmsg.NewPtrUpdateFeaturesRequest()
	update := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	update.Feature, update.MaxVersionLevel, update.UpgradeType = "transaction.version", 1, 2
	req.FeatureUpdates = append(req.FeatureUpdates, update)
	resp, err := req.RequestWith(e.ctx, e.client())
	require.NoError(e, err)
	require.NoError(e, kerr.ErrorForCode(resp.ErrorCode))
}

// A is stopped with cursors in hand. Its partitions go to B, which consumes on. When A goes on it believes that
// it has them still.
func TestZombieMemberIsFenced(t *testing.T) {
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			a := e.member(protocol...)
			e.await(map[*member]int{a: many})
			process := &stoppable{member: a}
			ja := e.join("process-a", process, kafkacursor.WithFlushInterval(anHour))
			ja.get(all()...)
			ja.set(5, all()...)
			require.NoError(t, ja.store.Flush(e.ctx))
			ja.set(6, all()...)

			process.stopped.Store(a.freeze())
			a.cl.Close() // as far as the group is concerned
			b := e.member(protocol...)
			e.await(map[*member]int{b: many})
			jb := e.join("process-b", b, kafkacursor.WithFlushInterval(anHour))
			jb.get(0, 1)
			require.Equal(t, stamped("5"), jb.cursor(1))
			jb.set(8, 0)
			require.NoError(t, jb.store.Flush(e.ctx))
			before := len(e.records())

			for _, p := range all() {
				err := ja.of[p].Flush(e.ctx)
				require.ErrorIs(t, err, kafkacursor.ErrFenced, "partition %d", p)
				if p > 0 { // it may have read B's cursor of 0 before
					requireErrorHas(t, err, kafkacursor.ErrFenced, order(p).key().String(), billers, "the group has gone on")
				}
				err = ja.of[p].SetCursor(e.ctx, "billing", "7")
				require.ErrorIs(t, err, kafkacursor.ErrFenced, "partition %d", p)
			}
			require.NoError(t, ja.store.Flush(e.ctx), "all were told")
			require.Len(t, e.records(), before, "no record of the zombie is visible")
			e.requireCursors("8", 0)
			e.requireCursors("5", 1, 2)
			require.Equal(t, int64(9), e.committed()[0])

			jb.set(9, 0, 1)
			require.NoError(t, jb.store.Flush(e.ctx))
			e.requireCursors("9", 0, 1)
		})
	}
}

// cursor takes a partition over again.
func (j *joined) cursor(p int32) string {
	j.Helper()
	cursor, err := j.of[p].GetCursor(j.ctx, "billing")
	require.NoError(j, err)
	return cursor
}

// late is a member that hears of its generation later than the coordinator has it, as all do.
type late struct {
	*member
	wrong atomic.Pointer[int32]
}

func (l *late) Generation() (memberID, instanceID string, generation int32) {
	memberID, instanceID, generation = l.member.Generation()
	if wrong := l.wrong.Load(); wrong != nil {
		generation = *wrong
	}
	return memberID, instanceID, generation
}

func TestMemberThatHearsOfItsGenerationLateIsNotFenced(t *testing.T) {
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			m := &late{member: e.member(protocol...)}
			e.await(map[*member]int{m.member: many})
			j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
			j.get(all()...)
			commits, clients := e.count(kmsg.TxnOffsetCommit), e.count(kmsg.InitProducerID)
			_, _, generation := m.Generation()
			generation--
			m.wrong.Store(&generation)
			j.set(1, all()...)
			flushed := make(chan error, 1)
			go func() { flushed <- j.store.Flush(e.ctx) }()
			require.NoError(t, commits.Wait(e.ctx, 1))
			<-time.After(100 * time.Millisecond) // a slow one
			m.wrong.Store(nil)
			require.NoError(t, <-flushed)
			require.Equal(t, 2, commits.Hits())
			require.Zero(t, clients.Hits(), "the client was fit for another transaction")
			e.requireCursors("1", all()...)

			// And a second time, with what the abort left.
			j.set(2, all()...)
			require.NoError(t, j.store.Flush(e.ctx))
			e.requireCursors("2", all()...)
		})
	}
}

// Members come and go. A flushes all the while, and what it has all along is never refused.
func TestRebalancesDontFenceWhoKeepsItsPartitions(t *testing.T) {
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			a := e.member(protocol...)
			e.await(map[*member]int{a: many})
			j := e.join("process-a", a, kafkacursor.WithFlushInterval(0))
			j.get(all()...)
			stop := make(chan struct{})
			ended := make(chan error, 1)
			kept := make(map[int32]bool)
			for _, p := range all() {
				kept[p] = true
			}
			go func() {
				ended <- func() error {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return nil
						default:
						}
						for p := range kept {
							if !a.Owns(orders, p) {
								delete(kept, p)
								continue
							}
							err := j.of[p].SetCursor(e.ctx, "billing", strconv.Itoa(i))
							if err == nil {
								err = j.of[p].Flush(e.ctx)
							}
							if err != nil && a.Owns(orders, p) {
								return err
							}
						}
					}
				}()
			}()
			for range 3 {
				b := e.member(protocol...)
				e.await(map[*member]int{a: many / 2, b: many / 2})
				b.cl.Close()
				e.await(map[*member]int{a: many})
			}
			close(stop)
			require.NoError(t, <-ended)
			require.NotEmpty(t, kept)
		})
	}
}

// Half of the partitions went to B. What A has still in hand for them is refused, the rest is written.
func TestLosingSomePartitionsFencesThoseOnly(t *testing.T) {
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			e := newMemberEnv(t)
			a := e.member(protocol...)
			e.await(map[*member]int{a: many})
			j := e.join("process-a", a, kafkacursor.WithFlushInterval(anHour))
			j.get(all()...)
			j.set(1, all()...)
			require.NoError(t, j.store.Flush(e.ctx))
			j.set(2, all()...)
			b := e.member(protocol...)
			e.await(map[*member]int{a: many / 2, b: many / 2})

			require.ErrorIs(t, j.store.Flush(e.ctx), kafkacursor.ErrFenced)
			e.requireCursors("2", a.has()...)
			e.requireCursors("1", b.has()...)
			for _, p := range b.has() {
				err := j.of[p].SetCursor(e.ctx, "billing", "3")
				requireErrorHas(t, err, kafkacursor.ErrFenced, "not assigned", billers)
			}
			_, err := j.of[b.has()[0]].GetCursor(e.ctx, "billing")
			require.ErrorIs(t, err, kafkacursor.ErrNotMember)
			j.set(3, a.has()...)
			require.NoError(t, j.store.Flush(e.ctx))
			e.requireCursors("3", a.has()...)
		})
	}
}

func TestOnlyAMemberGetsAndSetsCursors(t *testing.T) {
	e := newMemberEnv(t)
	s := e.open(kafkacursor.WithMemberFencing("process-a"))
	of := s.For(order(0))
	_, err := of.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrNotMember, "billing/orders/0", "no member")
	require.ErrorIs(t, of.SetCursor(e.ctx, "billing", "1"), kafkacursor.ErrNotMember)

	m := e.member()
	e.await(map[*member]int{m: many})
	leave, err := s.Join(m)
	require.NoError(t, err)
	_, err = s.Join(m)
	requireErrorHas(t, err, kafkacursor.ErrInvalidOption, "second member")
	_, err = s.GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrNotMember, "no partition", "use For")
	_, err = s.For(fixedPayments{}).GetCursor(e.ctx, "billing")
	requireErrorHas(t, err, kafkacursor.ErrNotMember, "billing/payments/0", "not assigned", billers)
	require.ErrorIs(t, s.For(fixedPayments{}).SetCursor(e.ctx, "billing", "1"), kafkacursor.ErrNotMember)

	cursor, err := of.GetCursor(e.ctx, "billing")
	require.NoError(t, err)
	require.Empty(t, cursor)
	require.NoError(t, of.SetCursor(e.ctx, "billing", "1"))
	require.NoError(t, of.Flush(e.ctx))
	leave()
	leave()
	require.NoError(t, of.Flush(e.ctx), "all is written")
	require.ErrorIs(t, of.SetCursor(e.ctx, "billing", "2"), kafkacursor.ErrNotMember)
	_, err = of.GetCursor(e.ctx, "billing")
	require.ErrorIs(t, err, kafkacursor.ErrNotMember)

	leave, err = s.Join(m)
	require.NoError(t, err)
	cursor, err = of.GetCursor(e.ctx, "billing")
	require.NoError(t, err)
	require.Equal(t, stamped("1"), cursor)
	require.NoError(t, of.SetCursor(e.ctx, "billing", "3"))
	require.NoError(t, of.Flush(e.ctx))
	leave()
	require.NoError(t, s.Close())
	_, err = s.Join(m)
	require.ErrorIs(t, err, kafkacursor.ErrClosed)
	e.requireCursors("3", 0)
}

type fixedPayments struct{ fixedLog }

func (fixedPayments) Topic() string { return "payments" }

// What was set and not flushed is not written after leaving, and somebody hears of it.
func TestLeavingWithCursorsInHandIsTold(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
	j.get(0, 1)
	j.set(1, 0)
	j.leave()
	require.ErrorIs(t, j.store.Close(), kafkacursor.ErrNotMember)
	e.requireCursors("", 0)
}

func TestJoinRefusesWhatMakesNoSense(t *testing.T) {
	e := newMemberEnv(t)
	_, err := e.open().Join(&frozen{})
	requireErrorHas(t, err, kafkacursor.ErrInvalidOption, "WithMemberFencing")
	_, err = e.open(kafkacursor.WithMemberFencing("a")).Join(nil)
	requireErrorHas(t, err, kafkacursor.ErrInvalidOption, "nil Member")
	for name, opts := range map[string][]kafkacursor.Option{
		"no ID": {kafkacursor.WithMemberFencing("")},
		"both":  {kafkacursor.WithMemberFencing("a"), kafkacursor.WithFencing("b")},
	} {
		_, err := kafkacursor.Open(e.ctx, e.broker.Opts(), cursors, opts...)
		require.ErrorIs(t, err, kafkacursor.ErrInvalidOption, name)
	}
}

// An ID that is no offset can't be committed, so nobody would decide on it. Others of the round are written.
func TestMemberRefusesACursorWithoutAnOffset(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
	j.get(0, 1, 2)
	require.NoError(t, j.of[0].SetCursor(e.ctx, "billing", "monday"))
	require.NoError(t, j.of[1].SetCursor(e.ctx, "billing", "-1"))
	j.set(7, 2)
	requireErrorHas(t, j.store.Flush(e.ctx), kafkacursor.ErrNotOffset, "monday", "billing/orders/0")
	require.NoError(t, j.of[1].Flush(e.ctx))
	require.NoError(t, j.of[2].Flush(e.ctx))
	require.Equal(t, map[int32]int64{1: 0, 2: 8}, e.committed())
	if err := j.of[0].SetCursor(e.ctx, "billing", "3"); err != nil {
		require.ErrorIs(t, err, kafkacursor.ErrNotOffset, "it was tried again meanwhile")
	}
	require.NoError(t, j.store.Flush(e.ctx))
	e.requireCursors("3", 0)
}

// Several consumers of a partition have one offset in the group: nothing that any of them needs is
// shown as consumed.
func TestGroupHasTheOffsetOfTheConsumerFurthestBehind(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m, kafkacursor.WithFlushInterval(anHour))
	of := j.store.For(order(0))
	for name, cursor := range map[string]string{"billing": "7", "audit": "4", "mail": "9"} {
		require.NoError(t, of.SetCursor(e.ctx, name, cursor))
	}
	require.NoError(t, of.Flush(e.ctx))
	require.Equal(t, map[int32]int64{0: 5}, e.committed())
}

// An operator's Reset overrules a member too.
func TestResetSupersedesAMember(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m)
	j.get(0, 1)
	j.set(7, 0, 1)
	require.NoError(t, j.store.Flush(e.ctx))
	operator := e.open(kafkacursor.WithoutCreate())
	require.NoError(t, operator.Reset(e.ctx, order(0).key(), "3"))
	require.ErrorIs(t, e.eventuallyRefused(j.of[0], "8"), kafkacursor.ErrSuperseded)
	j.set(8, 1)
	require.Equal(t, "3", j.cursor(0))
	j.set(4, 0)
	require.NoError(t, j.store.Flush(e.ctx))
	e.requireCursors("4", 0)
	e.requireCursors("8", 1)
}

// The way of an event knows nothing of groups.
func TestSettingACursorAsMemberAllocatesNothing(t *testing.T) {
	e := newMemberEnv(t)
	m := e.member()
	e.await(map[*member]int{m: many})
	j := e.join("process-a", m)
	j.get(0)
	of, ctx := j.of[0], context.Background()
	ids := ids(20002)
	next := 0
	allocs := testing.AllocsPerRun(20000, func() {
		if err := of.SetCursor(ctx, "billing", ids[next]); err != nil {
			t.Error(err)
		}
		next++
	})
	require.Less(t, allocs, 0.1, "beside the writes, of which there are ten a second")
}
