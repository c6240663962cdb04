package kafkarun

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// protocols are the two ways to be a member.
var protocols = []struct {
	name string
	opts []kgo.GroupOpt
}{
	{"classic", nil},
	{"kip848", []kgo.GroupOpt{kgo.ServerSideBalancer()}},
}

func forEachProtocol(t *testing.T, test func(t *testing.T, group Option)) {
	t.Helper()
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			test(t, WithGroup("group", append([]kgo.GroupOpt{kgo.HeartbeatInterval(50 * time.Millisecond)}, p.opts...)...))
		})
	}
}

// owners returns who runs which partition.
func owners(runners ...*Runner) map[int32]int {
	all := map[int32]int{}
	for i, r := range runners {
		for _, p := range r.Status().Partitions {
			if p.State == Running {
				all[p.Partition] = i
			}
		}
	}
	return all
}

// share waits until each of the runners has some of n partitions, and all are run.
func (e *env) share(n int, runners ...*Runner) {
	e.Helper()
	e.eventually(func() bool {
		of := map[int]int{}
		all := owners(runners...)
		for _, i := range all {
			of[i]++
		}
		return len(all) == n && len(of) == len(runners)
	}, "the partitions are shared")
}

func TestAGroupSharesPartitionsAndRepeatsNothing(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, group Option) {
		t.Helper()
		e := newEnv(t, 6)
		testSharing(t, e, group, []Cursors{e.store(), e.store(), e.store()})
	})
}

// The same with writes that the coordinator refuses from who is no member: the last cursor of a partition that is
// handed on is written while it still is ours.
func TestAFencedGroupSharesPartitionsAndRepeatsNothing(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, group Option) {
		t.Helper()
		e := newEnv(t, 6)
		var stores []Cursors
		for _, id := range []string{"a", "b", "c"} {
			stores = append(stores, e.store(kafkacursor.WithMemberFencing(id)))
		}
		testSharing(t, e, group, stores)
	})
}

func testSharing(t *testing.T, e *env, group Option, stores []Cursors) {
	t.Helper()
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for range 300 {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				e.publish(1, upTo(6)...)
			}
		}
	})
	a, b, c := e.runner(stores[0], group), e.runner(stores[1], group), e.runner(stores[2], group)
	runA := e.start(a)
	e.share(6, a)
	runB := e.start(b)
	e.share(6, a, b)
	require.ErrorIs(t, runA.stop(), context.Canceled)
	e.share(6, b)
	runC := e.start(c)
	e.share(6, b, c)
	close(stop)
	publishing.Wait()
	e.await()
	require.ErrorIs(t, runB.stop(), context.Canceled)
	require.ErrorIs(t, runC.stop(), context.Canceled)
	e.requireOnce()
}

// committed returns the offsets of the group.
func (e *env) committed() map[int32]int64 {
	e.Helper()
	offsets, err := kadm.NewClient(e.writer).FetchOffsets(e.ctx, "group")
	if err != nil {
		return nil // there is no group yet
	}
	all := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { all[o.Partition] = o.At })
	return all
}

// Tools that compute a group's lag from its committed offsets see what Status says.
func TestToolsSeeTheLag(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, group Option) {
		t.Helper()
		e := newEnv(t, 2)
		release := make(chan struct{})
		e.setLogic(func(_ context.Context, p int32, ev *reflex.Event) error {
			if p == 1 && ev.ID == "2" {
				<-release
			}
			return nil
		})
		e.publish(10, 0, 1)
		r := e.runner(e.store(), group)
		run := e.start(r)
		e.eventually(func() bool {
			c := e.committed()
			return c[0] == 10 && c[1] == 2
		}, "what was consumed is committed")
		require.Equal(t, int64(8), partitions(r)[1].Lag)
		require.Equal(t, "group", r.Status().Group)
		require.NotEmpty(t, r.Status().Member)
		close(release)
		e.eventually(func() bool { return e.committed()[1] == 10 }, "and what is left")
		require.ErrorIs(t, run.stop(), context.Canceled)
	})
}

// The group forgets the member, as after a pause beyond the session time-out. What it had in hand is not finished, and sets
// no cursor; the member comes back, and the event comes again.
func TestALostPartitionSetsNoCursor(t *testing.T) {
	e := newEnv(t, 1)
	store := e.store()
	inHand, late := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e.setLogic(func(_ context.Context, _ int32, ev *reflex.Event) error {
		if ev.ID == "1" {
			once.Do(func() {
				close(inHand)
				<-late // it ignores its context
			})
		}
		return nil
	})
	e.publish(3, 0)
	r := e.runner(store, WithGroup("group", kgo.HeartbeatInterval(20*time.Millisecond)))
	run := e.start(r)
	<-inHand
	e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1})
	e.eventually(func() bool { return r.current().mine() != nil && partitions(r)[0].State == Starting }, "it is handed out again")
	require.Equal(t, []string{"0"}, e.seen[0])
	close(late)
	e.eventually(func() bool { return partitions(r)[0].Next == 3 }, "it goes on")
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Equal(t, []string{"0", "1", "1", "2"}, e.seen[0], "two were never at work on it at once")
}

// Another owner has taken the cursor over. The group says that this member is none any more, so it must not take it back.
func TestWhoIsNoMemberTakesNoCursorBack(t *testing.T) {
	e := newEnv(t, 1)
	store, other := e.store(), e.store()
	e.publish(2, 0)
	// Of this protocol the question can be refused without refusing kgo's own heartbeats, which would end it at once.
	r := e.runner(store, WithGroup("group", kgo.ServerSideBalancer()))
	run := e.start(r)
	e.await()
	refused := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnknownMemberID, Count: -1})
	require.NoError(t, other.Reset(e.ctx, kafkacursor.Key{Consumer: consumer, Topic: topic}, "0"))
	owner := other.For(r.topic.Partition(0))
	cursor, err := owner.GetCursor(e.ctx, consumer)
	require.NoError(t, err)
	require.Equal(t, "0", cursor)
	e.eventually(func() bool { return partitions(r)[0].State == Unconfirmed }, "it asks")
	e.eventually(func() bool { return refused.Hits() > 1 }, "again")
	require.NoError(t, owner.SetCursor(e.ctx, consumer, "1"))
	require.NoError(t, owner.Flush(e.ctx), "the other still is the owner")

	refused.Remove()
	e.eventually(func() bool { return partitions(r)[0].State == Running }, "it is a member after all, so an operator it was")
	e.publish(1, 0)
	e.await()
	e.eventually(func() bool { return errors.Is(other.Flush(e.ctx), kafkacursor.ErrSuperseded) }, "and takes the cursor back")
	require.ErrorIs(t, run.stop(), context.Canceled)
}

func TestAGroupThatRefusesEndsRun(t *testing.T) {
	e := newEnv(t, 1)
	e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed})
	err := e.runner(e.store(), WithGroup("group")).Run(e.ctx)
	require.ErrorIs(t, err, ErrGroup)
	require.ErrorIs(t, err, kerr.GroupAuthorizationFailed)

	_, err = New(e.broker.Opts(), topic, e.store(kafkacursor.WithMemberFencing("process")), e.spec)
	require.ErrorIs(t, err, ErrInvalidOption, "a store for members, and no group")
	r := e.runner(e.store(), WithGroup("group"), WithDrainTime(time.Minute))
	require.ErrorIs(t, r.Run(e.ctx), ErrInvalidOption, "the group would not wait for that long")
	r = e.runner(e.store(), WithGroup("group", kgo.RebalanceTimeout(2*time.Minute)), WithDrainTime(time.Minute))
	run := e.start(r)
	require.ErrorIs(t, run.stop(), context.Canceled)
}

// A static member comes back within its session, and nobody else is given its partitions meanwhile.
func TestAStaticMemberKeepsItsPartitions(t *testing.T) {
	e := newEnv(t, 4)
	static := func(id string) Option {
		return WithGroup("group", kgo.InstanceID(id), kgo.HeartbeatInterval(50*time.Millisecond))
	}
	a, b := e.runner(e.store(), static("a")), e.runner(e.store(), static("b"))
	runA, runB := e.start(a), e.start(b)
	e.share(4, a, b)
	mine := owned(a)
	require.ErrorIs(t, runA.stop(), context.Canceled)
	again := e.runner(e.store(), static("a"))
	runA = e.start(again)
	e.share(4, again, b)
	require.Equal(t, mine, owned(again))
	require.ErrorIs(t, runA.stop(), context.Canceled)
	require.ErrorIs(t, runB.stop(), context.Canceled)
}

func owned(r *Runner) []int32 {
	var all []int32
	for _, p := range r.Status().Partitions {
		all = append(all, p.Partition)
	}
	slices.Sort(all)
	return all
}

func TestAGroupTakesOnNewPartitions(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, group Option) {
		t.Helper()
		e := newEnv(t, 1)
		e.publish(3, 0)
		run := e.start(e.runner(e.store(), group))
		e.await()
		e.grow(3)
		e.publish(3, 1, 2)
		e.await()
		require.ErrorIs(t, run.stop(), context.Canceled)
		e.requireOnce()
	})
}

// Logic is stuck when its partition is lost, and again taken away while the next lane waits for it. The one after that must
// wait for it as well.
func TestNobodyOvertakesLogicThatIsStuck(t *testing.T) {
	e := newEnv(t, 1)
	inHand, late := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e.setLogic(func(context.Context, int32, *reflex.Event) error {
		once.Do(func() { close(inHand); <-late })
		return nil
	})
	e.publish(1, 0)
	r := e.runner(e.store())
	run := e.start(r)
	<-inHand
	s := r.current()
	for range 3 {
		s.lose([]int32{0})
		s.assign([]int32{0})
	}
	e.eventually(func() bool { return partitions(r)[0].State == Starting }, "it waits")
	require.Empty(t, e.seen[0])
	close(late)
	e.eventually(func() bool { return partitions(r)[0].Next == 1 }, "and goes on")
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Equal(t, []string{"0", "0"}, e.seen[0])
}

// Without a group of its own a runner shows its lag in one that nobody is a member of.
func TestAMirrorGroupShowsTheLag(t *testing.T) {
	e := newEnv(t, 2)
	e.publish(7, 0, 1)
	r := e.runner(e.store(), WithMirrorGroup("group"))
	run := e.start(r)
	e.eventually(func() bool { c := e.committed(); return c[0] == 7 && c[1] == 7 }, "it is committed")
	require.Nil(t, r.Status().GroupError)
	require.ErrorIs(t, run.stop(), context.Canceled)

	// Of what was consumed since the last interval too.
	e.publish(3, 0, 1)
	r = e.runner(e.store(), WithMirrorGroup("group"), WithCommitInterval(time.Hour))
	run = e.start(r)
	e.await()
	require.Equal(t, map[int32]int64{0: 7, 1: 7}, e.committed())
	require.ErrorIs(t, run.stop(), context.Canceled)
	require.Equal(t, map[int32]int64{0: 10, 1: 10}, e.committed())
}

// What was consumed since the last interval is committed when a member lets go.
func TestAMemberCommitsLastWhatItHasConsumed(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, group Option) {
		t.Helper()
		e := newEnv(t, 1)
		e.publish(3, 0)
		run := e.start(e.runner(e.store(), group, WithCommitInterval(time.Hour)))
		e.await()
		require.ErrorIs(t, run.stop(), context.Canceled)
		require.Equal(t, map[int32]int64{0: 3}, e.committed())
	})
}

// The partition is somebody else's, and logic that took its time returns as if nothing had happened.
func TestAStoreOfALostPartitionIsNotTouched(t *testing.T) {
	s := &laneStore{lane: &lane{partition: kafkastream.NewPartition(nil, topic, 3)}} // without a store below
	s.lane.gone.set()
	require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "1"), ErrReleased)
	_, err := s.GetCursor(t.Context(), consumer)
	require.ErrorIs(t, err, ErrReleased)
	require.NoError(t, s.Flush(t.Context()))
}

// The session may have run out, as after a freeze. Nothing is taken in hand until the group says that this member is one.
func TestNothingIsTakenInHandOnALeaseThatHasRunOut(t *testing.T) {
	e := newEnv(t, 1)
	e.publish(1, 0)
	r := e.runner(e.store(), WithGroup("group", kgo.ServerSideBalancer()))
	run := e.start(r)
	e.await()
	refused := e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnknownMemberID, Count: -1})
	r.current().member.Load().lease.expired.Store(true)
	e.publish(3*leaseCheck, 0)
	e.eventually(func() bool { return refused.Hits() > 2 }, "it asks, and again")
	e.mu.Lock()
	require.LessOrEqual(t, len(e.seen[0]), 1+leaseCheck)
	e.mu.Unlock()
	refused.Remove()
	e.await()
	require.ErrorIs(t, run.stop(), context.Canceled)
	e.requireOnce()
}
