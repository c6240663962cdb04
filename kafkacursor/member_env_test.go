package kafkacursor_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

const (
	orders  = "orders"
	billers = "billers" // the group

	// many is how many partitions orders has.
	many = 12
)

// protocols are those that groups of consumers have.
func protocols() map[string][]kgo.Opt {
	return map[string][]kgo.Opt{
		"classic": {kgo.Balancers(kgo.CooperativeStickyBalancer())},
		"KIP-848": {kgo.ServerSideBalancer()},
	}
}

// newMemberEnv has a topic of events too.
func newMemberEnv(t *testing.T, opts ...kafkatest.Option) *env {
	t.Helper()
	const heartbeat = "50"
	return newEnv(t, append(opts, kafkatest.WithTopic(orders, many),
		kafkatest.WithConfig("group.consumer.heartbeat.interval.ms", heartbeat))...)
}

// member is a member of a real group that fetches nothing: its client only hears which partitions
// it has.
type member struct {
	*env
	cl       *kgo.Client
	instance string

	mu    sync.Mutex
	owned []int32
}

func (e *env) member(opts ...kgo.Opt) *member {
	e.Helper()
	m := &member{env: e}
	all := slices.Concat(opts, []kgo.Opt{
		kgo.ConsumerGroup(billers), kgo.ConsumeTopics(orders), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(50 * time.Millisecond),
		kgo.OnPartitionsAssigned(m.assigned), kgo.OnPartitionsRevoked(m.lost), kgo.OnPartitionsLost(m.lost),
	})
	cl, err := kgo.NewClient(append(e.broker.Opts(), all...)...)
	require.NoError(e, err)
	cl.PauseFetchTopics(orders)
	m.cl = cl
	m.instance, _ = cl.OptValue(kgo.InstanceID).(string)
	e.Cleanup(cl.Close)
	return m
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owned = append(m.owned, topics[orders]...)
}

func (m *member) lost(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owned = slices.DeleteFunc(m.owned, func(p int32) bool { return slices.Contains(topics[orders], p) })
}

func (m *member) has() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.owned))
}

func (m *member) Group() string { return billers }

func (m *member) Generation() (memberID, instanceID string, generation int32) {
	memberID, generation = m.cl.GroupMetadata()
	return memberID, m.instance, generation
}

func (m *member) Owns(topic string, partition int32) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return topic == orders && slices.Contains(m.owned, partition)
}

// await waits until the members have all partitions between them, that many each.
func (e *env) await(counts map[*member]int) {
	e.Helper()
	e.eventually("the partitions are shared out", func() bool {
		for m, n := range counts {
			if len(m.has()) != n {
				return false
			}
		}
		return true
	})
}

// frozen is what a member was when the process was stopped, and what it still is when it goes on.
type frozen struct {
	id, instance string
	generation   int32
	owned        []int32
}

func (m *member) freeze() *frozen {
	f := &frozen{owned: m.has()}
	f.id, f.instance, f.generation = m.Generation()
	return f
}

func (f *frozen) Group() string                      { return billers }
func (f *frozen) Generation() (_, _ string, _ int32) { return f.id, f.instance, f.generation }
func (f *frozen) Owns(topic string, p int32) bool {
	return topic == orders && slices.Contains(f.owned, p)
}

// stoppable is a member of a process that can be stopped.
type stoppable struct {
	*member
	stopped atomic.Pointer[frozen]
}

func (s *stoppable) Generation() (memberID, instanceID string, generation int32) {
	if f := s.stopped.Load(); f != nil {
		return f.Generation()
	}
	return s.member.Generation()
}

func (s *stoppable) Owns(topic string, partition int32) bool {
	if f := s.stopped.Load(); f != nil {
		return f.Owns(topic, partition)
	}
	return s.member.Owns(topic, partition)
}

// order is the log of a partition of orders.
type order int32

func (order) Topic() string              { return orders }
func (o order) Partition() int32         { return int32(o) }
func (order) Stamp() func(string) string { return stamped }
func (o order) key() kafkacursor.Key {
	return kafkacursor.Key{Consumer: "billing", Topic: orders, Partition: int32(o)}
}

// joined is a store that a member has joined, and the stores of its partitions.
type joined struct {
	*env
	store *kafkacursor.Store
	leave func()
	m     *member // of joinedAll
	of    map[int32]reflex.CursorStore
}

func (e *env) join(transactionalID string, m kafkacursor.Member, opts ...kafkacursor.Option) *joined {
	e.Helper()
	j := &joined{env: e, of: make(map[int32]reflex.CursorStore)}
	j.store = e.open(append([]kafkacursor.Option{kafkacursor.WithMemberFencing(transactionalID)}, opts...)...)
	leave, err := j.store.Join(m)
	require.NoError(e, err)
	j.leave = leave
	return j
}

// get takes partitions over.
func (j *joined) get(partitions ...int32) {
	j.Helper()
	for _, p := range partitions {
		j.of[p] = j.store.For(order(p))
		_, err := j.of[p].GetCursor(j.ctx, "billing")
		require.NoError(j, err)
	}
}

// set sets the cursor of partitions.
func (j *joined) set(cursor int, partitions ...int32) {
	j.Helper()
	for _, p := range partitions {
		require.NoError(j, j.of[p].SetCursor(j.ctx, "billing", strconv.Itoa(cursor)))
	}
}

// requireCursors requires what a read_committed reader finds.
func (e *env) requireCursors(want string, partitions ...int32) {
	e.Helper()
	tool := e.open(kafkacursor.WithoutCreate())
	for _, p := range partitions {
		entry, ok, err := tool.Peek(e.ctx, order(p).key())
		require.NoError(e, err)
		require.Equal(e, want != "", ok, "partition %d", p)
		if ok {
			require.Equal(e, stamped(want), entry.Cursor, "partition %d", p)
		}
	}
}

// committed returns the offsets of the group.
func (e *env) committed() map[int32]int64 {
	e.Helper()
	offsets, err := kadm.NewClient(e.client()).FetchOffsets(e.ctx, billers)
	require.NoError(e, err)
	all := make(map[int32]int64)
	for p, o := range offsets[orders] {
		all[p] = o.At
	}
	return all
}

// count counts requests.
func (e *env) count(key kmsg.Key) *kfake.FaultHandle {
	return e.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, TopLevel: key != kmsg.TxnOffsetCommit, Count: -1})
}

// hold has the broker not answer such requests until release is called.
func (e *env) hold(keys ...kmsg.Key) (release func()) {
	done := make(chan struct{})
	for _, key := range keys {
		e.broker.Cluster().ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			e.broker.Cluster().KeepControl()
			e.broker.Cluster().SleepControl(func() { <-done })
			return nil, nil, false
		})
	}
	release = sync.OnceFunc(func() { close(done) })
	e.Cleanup(release)
	return release
}
