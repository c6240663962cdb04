package integration_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/reflex"
)

const (
	memberPatience = 40 * time.Second
	manyPartitions = 12
)

// overGroups runs a test on each Kafka, with each protocol of groups that it has.
func overGroups(t *testing.T, run func(*groupEnv)) {
	t.Helper()
	protocols := map[string][]kgo.Opt{
		"classic": {kgo.Balancers(kgo.CooperativeStickyBalancer())},
		"static":  {kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.InstanceID("here")},
		"KIP-848": {kgo.ServerSideBalancer()},
	}
	for _, kafka := range kafkas() {
		t.Run(kafka.name, func(t *testing.T) {
			cluster := kafka.cluster(t)
			for name, opts := range protocols {
				t.Run(name, func(t *testing.T) {
					if name == "KIP-848" && kafka.name == "an older release" {
						t.Skip("this release has none")
					}
					t.Parallel() // they mostly wait for the group
					run(newGroupEnv(t, cluster, manyPartitions, opts...))
				})
			}
		})
	}
}

// groupEnv is a topic, a group that consumes it, and a topic of cursors.
type groupEnv struct {
	testing.TB
	cluster                *kafkaharness.Cluster
	events, group, cursors string
	partitions             int32
	protocol               []kgo.Opt
	round                  int // of a benchmark
}

func newGroupEnv(tb testing.TB, cluster *kafkaharness.Cluster, partitions int32, protocol ...kgo.Opt) *groupEnv {
	tb.Helper()
	e := &groupEnv{
		TB: tb, cluster: cluster, events: cluster.Topic(tb, partitions), group: kafkaharness.Name(tb), cursors: kafkaharness.Name(tb),
		partitions: partitions, protocol: protocol,
	}
	tb.Cleanup(func() { cluster.DeleteTopic(tb, e.cursors) })
	return e
}

// groupMember is a member that fetches nothing: its client only hears which partitions it has.
type groupMember struct {
	env *groupEnv
	cl  *kgo.Client

	mu    sync.Mutex
	owned []int32

	stopped atomic.Pointer[stoppedMember]
}

// stoppedMember is what a member was when its process was stopped, and believes to be when it goes on.
type stoppedMember struct {
	id         string
	generation int32
	owned      []int32
}

func (e *groupEnv) member(opts ...kgo.Opt) *groupMember {
	e.Helper()
	m := &groupMember{env: e}
	lost := func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.owned = slices.DeleteFunc(m.owned, func(p int32) bool { return slices.Contains(topics[e.events], p) })
	}
	m.cl = e.cluster.Client(e, slices.Concat(e.protocol, opts, []kgo.Opt{
		kgo.ConsumerGroup(e.group), kgo.ConsumeTopics(e.events), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(200 * time.Millisecond),
		kgo.OnPartitionsRevoked(lost), kgo.OnPartitionsLost(lost),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.owned = append(m.owned, topics[e.events]...)
		}),
	})...)
	m.cl.PauseFetchTopics(e.events)
	return m
}

func (m *groupMember) Group() string { return m.env.group }

func (m *groupMember) Generation() (memberID, instanceID string, generation int32) {
	instanceID, _ = m.cl.OptValue(kgo.InstanceID).(string)
	if s := m.stopped.Load(); s != nil {
		return s.id, instanceID, s.generation
	}
	memberID, generation = m.cl.GroupMetadata()
	return memberID, instanceID, generation
}

func (m *groupMember) Owns(topic string, partition int32) bool {
	if s := m.stopped.Load(); s != nil {
		return slices.Contains(s.owned, partition)
	}
	return topic == m.env.events && slices.Contains(m.has(), partition)
}

func (m *groupMember) has() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.owned))
}

// stop has the member believe for ever what it is now, and the group do without it.
func (m *groupMember) stop() {
	s := &stoppedMember{owned: m.has()}
	s.id, s.generation = m.cl.GroupMetadata()
	m.stopped.Store(s)
	// A static member that closes is expected back, so it is removed as if it had not come in time.
	ctx, cancel := context.WithTimeout(context.Background(), memberPatience)
	defer cancel()
	m.cl.Close()
	if id, _ := m.cl.OptValue(kgo.InstanceID).(string); id != "" {
		_, err := m.env.cluster.Admin(m.env).LeaveGroup(ctx, kadm.LeaveGroup(m.env.group).InstanceIDs(id).Reason("test"))
		require.NoError(m.env, err)
	}
}

func (m *groupMember) await(n int32) {
	m.env.Helper()
	require.Eventually(m.env, func() bool { return len(m.has()) == int(n) }, memberPatience, 20*time.Millisecond)
}

// memberStore is a store that a member has joined, and the stores of its partitions.
type memberStore struct {
	env   *groupEnv
	store *kafkacursor.Store
	of    []reflex.CursorStore
}

// partitionOf is the log of a partition.
type partitionOf struct {
	stampedLog
	topic  string
	number int32
}

func (p partitionOf) Topic() string    { return p.topic }
func (p partitionOf) Partition() int32 { return p.number }

// open opens a store, which the member joins unless it is nil.
func (e *groupEnv) open(kafkaOpts []kgo.Opt, m *groupMember, opts ...kafkacursor.Option) *memberStore {
	e.Helper()
	if m != nil {
		opts = append(opts, kafkacursor.WithMemberFencing(kafkaharness.Name(e)))
	}
	store, err := kafkacursor.Open(e.Context(), append(e.cluster.Opts(), kafkaOpts...), e.cursors, append(opts, kafkacursor.WithFlushInterval(time.Hour))...)
	require.NoError(e, err)
	e.Cleanup(func() { closeStore(e, store) })
	if m != nil {
		_, err = store.Join(m)
		require.NoError(e, err)
	}
	s := &memberStore{env: e, store: store}
	for p := range e.partitions {
		s.of = append(s.of, store.For(partitionOf{topic: e.events, number: p}))
	}
	return s
}

func (s *memberStore) get(partition int32) string {
	s.env.Helper()
	cursor, err := s.of[partition].GetCursor(s.env.Context(), "billing")
	require.NoError(s.env, err)
	return cursor
}

func (s *memberStore) getAll() {
	s.env.Helper()
	var getting sync.WaitGroup
	errs := make([]error, len(s.of))
	for p, of := range s.of {
		getting.Go(func() { _, errs[p] = of.GetCursor(s.env.Context(), "billing") })
	}
	getting.Wait()
	require.NoError(s.env, errors.Join(errs...))
}

func (s *memberStore) setAll(cursor int) {
	s.env.Helper()
	for _, of := range s.of {
		require.NoError(s.env, of.SetCursor(s.env.Context(), "billing", strconv.Itoa(cursor)))
	}
}

func (s *memberStore) flush() {
	s.env.Helper()
	require.NoError(s.env, s.store.Flush(s.env.Context()))
}

// requireCursor requires what somebody finds who reads what is committed. The end of a transaction is
// acknowledged before it is visible.
func (e *groupEnv) requireCursor(partition int32, want string) {
	e.Helper()
	store := e.open(nil, nil)
	entry, ok, err := store.store.Peek(e.Context(), kafkacursor.Key{Consumer: "billing", Topic: e.events, Partition: partition})
	require.NoError(e, err)
	require.True(e, ok)
	require.Equal(e, want+stamp, entry.Cursor)
}

// end returns the high watermark of the topic of cursors.
func (e *groupEnv) end() int64 {
	e.Helper()
	ends, err := e.cluster.Admin(e).ListEndOffsets(e.Context(), e.cursors)
	require.NoError(e, err)
	end, ok := ends.Lookup(e.cursors, 0)
	require.True(e, ok)
	require.NoError(e, end.Err)
	return end.Offset
}

// All partitions of a process cost one transaction: behind their records there is one marker.
func TestMembersCursorsAreOneTransaction(t *testing.T) {
	overGroups(t, func(e *groupEnv) {
		m := e.member()
		m.await(e.partitions)
		s := e.open(nil, m)
		s.getAll()
		begin := e.end()
		const rounds = 5
		for i := range rounds {
			s.setAll(i)
			s.flush()
		}
		want := begin + rounds*int64(e.partitions+1)
		require.Eventually(e, func() bool { return e.end() >= want }, memberPatience, 20*time.Millisecond)
		require.Equal(e, want, e.end())
		e.requireCursor(7, "4")
		require.Eventually(e, func() bool {
			offsets, err := e.cluster.Admin(e).FetchOffsets(e.Context(), e.group)
			require.NoError(e, err)
			at, ok := offsets.Lookup(e.events, 7)
			return ok && at.At == 5
		}, memberPatience, 20*time.Millisecond, "the offset that the group reads next")
	})
}

// A process is stopped with cursors in hand. Its partitions go to another. When it goes on it believes
// that it has them still.
func TestZombieMemberMovesNoCursor(t *testing.T) {
	overGroups(t, func(e *groupEnv) {
		a := e.member()
		a.await(e.partitions)
		zombie := e.open(nil, a)
		zombie.getAll()
		zombie.setAll(5)
		zombie.flush()
		begin := e.end()
		zombie.setAll(6)
		a.stop()

		b := e.member()
		b.await(e.partitions)
		owner := e.open(nil, b)
		require.Equal(e, "5"+stamp, owner.get(0))
		require.Equal(e, "5"+stamp, owner.get(1))
		require.NoError(e, owner.of[0].SetCursor(e.Context(), "billing", "8"))
		owner.flush()

		for p, of := range zombie.of {
			err := of.Flush(e.Context())
			require.ErrorIs(e, err, kafkacursor.ErrFenced, "partition %d", p)
			require.ErrorIs(e, of.SetCursor(e.Context(), "billing", "7"), kafkacursor.ErrFenced, "partition %d", p)
		}
		// Its store may have tried by itself before it was asked to, so the count begins early: the owner has written a record and
		// a marker since.
		require.GreaterOrEqual(e, e.end(), begin+int64(e.partitions)+2, "it has tried")
		e.requireCursor(0, "8")
		e.requireCursor(1, "5")
		require.NoError(e, owner.of[1].SetCursor(e.Context(), "billing", "9"))
		owner.flush()
		e.requireCursor(1, "9")
	})
}

// The connections of a process go silent for longer than its session, and come back: it has not heard that its
// partitions are another's.
func TestMemberThatWasCutOffMovesNoCursor(t *testing.T) {
	const session = 6 * time.Second // the least that brokers allow
	e := newGroupEnv(t, lab.Cluster(t, 1), manyPartitions, kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.SessionTimeout(session))
	line := &line{}
	dial := kgo.Dialer(line.dial)
	a := e.member(dial)
	a.await(e.partitions)
	cutOff := e.open([]kgo.Opt{dial}, a)
	cutOff.getAll()
	cutOff.setAll(5)
	cutOff.flush()
	cutOff.setAll(6)

	resume := line.stall()
	b := e.member()
	b.await(e.partitions)
	owner := e.open(nil, b)
	owner.getAll()
	owner.setAll(8)
	owner.flush()
	resume()
	err := cutOff.of[3].Flush(t.Context())
	for errors.Is(err, kafkacursor.ErrUnreachable) {
		err = cutOff.of[3].Flush(t.Context())
	}
	require.True(t, errors.IsAny(err, kafkacursor.ErrFenced, kafkacursor.ErrOwnershipUnknown), "%v", err)
	for p := range e.partitions {
		e.requireCursor(p, "8")
	}
}

// Members come and go, and who keeps a partition is never refused.
func TestRebalancesDontFenceMembersThatKeepTheirPartitions(t *testing.T) {
	overGroups(t, func(e *groupEnv) {
		if len(e.protocol) == 2 {
			e.Skip("two members can't be the same instance")
		}
		a := e.member()
		a.await(e.partitions)
		s := e.open(nil, a)
		s.getAll()
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- s.flushOwned(a, stop) }()
		b := e.member()
		b.await(e.partitions / 2)
		b.cl.Close()
		a.await(e.partitions)
		close(stop)
		require.NoError(e, <-ended)
	})
}

// flushOwned writes cursors of the partitions that the member has had all the time, until stop. It returns the error of
// one that it still has.
func (s *memberStore) flushOwned(m *groupMember, stop <-chan struct{}) error {
	left := make(map[int]bool)
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		for p, of := range s.of {
			left[p] = left[p] || !m.Owns(s.env.events, int32(p))
			if left[p] {
				continue
			}
			err := of.SetCursor(s.env.Context(), "billing", strconv.Itoa(i))
			if err == nil {
				err = of.Flush(s.env.Context())
			}
			if err != nil && m.Owns(s.env.events, int32(p)) {
				return err
			}
		}
	}
}

// What a flush costs: plain and as a member, back to back and once an interval.
func BenchmarkFlushOfAMember(b *testing.B) {
	for _, brokers := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d brokers", brokers), func(b *testing.B) {
			for _, partitions := range []int32{12, 120} {
				b.Run(fmt.Sprintf("%d partitions", partitions), func(b *testing.B) {
					e := newGroupEnv(b, lab.Cluster(b, brokers), partitions, kgo.Balancers(kgo.CooperativeStickyBalancer()))
					m := e.member()
					m.await(partitions)
					b.Run("plain", func(b *testing.B) { benchFlushes(b, e, nil) })
					b.Run("member", func(b *testing.B) { benchFlushes(b, e, m) })
				})
			}
		})
	}
}

func benchFlushes(b *testing.B, e *groupEnv, m *groupMember) {
	b.Helper()
	s := e.open(nil, m)
	s.getAll()
	b.Run("back to back", func(b *testing.B) { benchFlush(b, s, 0) })
	b.Run("every 100 ms", func(b *testing.B) { benchFlush(b, s, 100*time.Millisecond) })
}

func benchFlush(b *testing.B, s *memberStore, pause time.Duration) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		s.env.round++
		s.setAll(s.env.round)
		begin := time.Now()
		s.flush()
		took = append(took, time.Since(begin))
		<-time.After(pause)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-p50")
	b.ReportMetric(ms(took[len(took)*99/100]), "ms-p99")
}
