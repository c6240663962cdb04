package kafkarun

import (
	"context"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// member is our membership of the consumer group. Its client only schedules: its topic is paused from the start, so
// it never fetches, and kgo sends heartbeats and calls back by itself.
type member struct {
	session  *session
	client   *kafka.Client
	topic    string
	group    string
	instance string
	next     bool // KIP-848
	commits  *committer
	lease    *lease
	part     func()                  // with the store that writes for this member, or nil
	end      context.CancelCauseFunc // of Run

	ready chan struct{} // closed when all of this is set, as kgo may call back before that

	trouble trouble // with the membership

	mu  sync.Mutex
	out time.Time // since when we are not in the group, zero while we are
}

// metadataAge is how old kgo's picture of the topic may get, which is how soon partitions that are added are
// shared out. Its default is 5 minutes.
const metadataAge = 30 * time.Second

func newMember(s *session, end context.CancelCauseFunc) (*member, error) {
	c := s.runner.config
	m := &member{session: s, topic: s.runner.topic.Name(), group: c.group, end: end, ready: make(chan struct{}), out: time.Now()}
	m.commits = newCommitter(c.commit, m.commitAsMember)
	m.lease = newLease(sessionTimeout(c.groupOpts))
	opts := []kgo.Opt{kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.MetadataMaxAge(min(metadataAge, c.refresh))}
	for _, opt := range c.groupOpts {
		opts = append(opts, opt)
	}
	opts = append(opts,
		kgo.ConsumerGroup(c.group), kgo.ConsumeTopics(m.topic), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(m.assigned), kgo.OnPartitionsRevoked(m.revoked), kgo.OnPartitionsLost(m.lost),
		kgo.WithHooks(m),
	)
	client, err := kafka.NewClient(s.runner.kafka, opts...)
	if err != nil {
		return nil, s.runner.optionError(err)
	}
	client.PauseFetchTopics(m.topic)
	m.client = client
	m.instance, _ = instanceID(client)
	m.next, _ = client.OptValue(kgo.ServerSideBalancer).(bool)
	if err := m.checkTimes(); err != nil {
		close(m.ready)
		client.Close()
		return nil, err
	}
	s.member.Store(m)
	if store, ok := s.runner.cursors.(memberStore); ok && store.NeedsMember() {
		if m.part, err = store.Join(m); err != nil {
			close(m.ready)
			client.Close()
			return nil, err
		}
		m.commits.settled = true
	}
	close(m.ready)
	return m, nil
}

// sessionTimeout returns what the options set, or kgo's default, which is that of brokers too. It must be known before there is a client, as
// that calls back at once; so they are given to one that is dead before it begins.
func sessionTimeout(opts []kgo.GroupOpt) time.Duration {
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	probe := []kgo.Opt{kgo.WithContext(dead), kgo.DisableClientMetrics()}
	for _, opt := range opts {
		probe = append(probe, opt)
	}
	client, err := kgo.NewClient(probe...)
	if err != nil {
		return defaultSession // what is wrong the real client says
	}
	defer client.Close()
	if d, ok := client.OptValue(kgo.SessionTimeout).(time.Duration); ok && d > 0 {
		return d
	}
	return defaultSession
}

const defaultSession = 45 * time.Second

// instanceID returns the static ID of the member.
func instanceID(client *kafka.Client) (string, bool) {
	switch id := client.OptValue(kgo.InstanceID).(type) {
	case string:
		return id, id != ""
	case *string:
		if id != nil {
			return *id, true
		}
	}
	return "", false
}

// checkTimes refuses a drain time for which the group would not wait: it would hand partitions to others while we
// still have events in hand.
func (m *member) checkTimes() error {
	limit := rebalanceTimeout
	if d, ok := m.client.OptValue(kgo.RebalanceTimeout).(time.Duration); ok && d > 0 {
		limit = d
	}
	if need := m.session.runner.config.drain + cancelGrace; need >= limit {
		return m.session.runner.invalid(
			"a drain time of "+m.session.runner.config.drain.String()+" with a rebalance timeout of "+limit.String(),
			"give kgo.RebalanceTimeout more than "+need.String()+", or WithDrainTime less")
	}
	return nil
}

// assigned is called by kgo with partitions that are ours from now on. It returns at once.
func (m *member) assigned(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-m.ready
	m.trouble.mend()
	m.mu.Lock()
	m.out = time.Time{}
	m.mu.Unlock()
	m.session.assign(topics[m.topic]) //nolint:contextcheck // an ownership lives as long as the partition is ours
}

// revoked is called by kgo with partitions that are to be let go of: when it returns, others may have them.
func (m *member) revoked(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-m.ready
	lanes := m.session.revoke(topics[m.topic])
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	m.commits.commit(ctx, lanes, true) //nolint:contextcheck // that of the client may be done when it leaves
	m.commits.forget(topics[m.topic])
}

// lost is called by kgo with partitions that were ours, and are not any more.
func (m *member) lost(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
	<-m.ready
	m.mu.Lock()
	if m.out.IsZero() {
		m.out = time.Now()
	}
	m.mu.Unlock()
	m.session.lose(topics[m.topic])
	m.commits.forget(topics[m.topic])
}

// OnGroupManageError is called by kgo when it loses the group, and tries to come back. Partitions are lost by then.
func (m *member) OnGroupManageError(err error) {
	m.trouble.note(err)
	if isRefusal(err) {
		m.end(&Error{
			Kind: ErrGroup, About: m.group, Cause: kafka.Cause(err),
			Do: "allow READ of the group and of the topic, have each process use an instance ID of its own, and check the options of WithGroup",
		})
		return
	}
	m.session.runner.report(m.session.values, "consumer group was lost, trying to come back", err)
}

// isRefusal reports whether the group will never take this member as it is. What kafka.Classify takes for a refusal
// is part of life in groups, where generations end.
func isRefusal(err error) bool {
	if kafka.Classify(err) == kafka.Unauthorised {
		return true
	}
	return errors.IsAny(err,
		kerr.InvalidSessionTimeout, kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.FencedInstanceID,
		kerr.UnsupportedAssignor, kerr.UnsupportedVersion, kerr.InvalidRequest)
}

// outSince returns since when this runner is not in the group, or zero.
func (m *member) outSince() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out
}

// Group returns the name of the group.
func (m *member) Group() string { return m.group }

// Generation returns the membership as of now. The generation is -1 while there is none.
func (m *member) Generation() (memberID, instanceID string, generation int32) {
	memberID, generation = m.client.GroupMetadata()
	return memberID, m.instance, generation
}

// Owns reports whether the partition is assigned to this member. It is until its last cursor is flushed, and not any more when
// the group hears that it is released.
func (m *member) Owns(topic string, partition int32) bool {
	return topic == m.topic && m.session.owns(partition)
}

// leave lets go of all partitions and leaves the group, unless the membership is static.
func (m *member) leave() {
	// The callback for what is revoked is bounded by the drain time. A coordinator that is not there must not hold up
	// the end of the program for longer.
	limit := m.session.runner.config.drain + cancelGrace + commitTimeout + leaveTimeout
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = m.client.LeaveGroupContext(ctx) // the session times out instead
	m.session.revoke(m.session.owned()) // in case it was not called back in time
	if m.part != nil {
		m.part()
	}
	m.client.Close()
}

const leaveTimeout = 5 * time.Second

// confirm asks the coordinator whether this member still is one of the group, within confirmTimeout.
func (m *member) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	_, err := kafka.Do(ctx, m.client, func(ctx context.Context) (struct{}, error) { return struct{}{}, m.ask(ctx) })
	return err
}

const confirmTimeout = 5 * time.Second

// ask is a request that the coordinator answers only to a member of the current generation.
func (m *member) ask(ctx context.Context) error {
	id, generation := m.client.GroupMetadata()
	if id == "" || generation < 0 {
		return kerr.UnknownMemberID
	}
	if !m.next {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation = m.group, id, generation
		if m.instance != "" {
			req.InstanceID = kmsg.StringPtr(m.instance)
		}
		resp, err := req.RequestWith(ctx, m.client)
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(resp.ErrorCode)
		if errors.Is(err, kerr.RebalanceInProgress) {
			return nil // said to members only
		}
		return err
	}
	// A heartbeat of KIP-848 would acknowledge assignments that kgo has not seen. This one looks at the epoch only.
	req := kmsg.NewPtrOffsetFetchRequest()
	group := kmsg.NewOffsetFetchRequestGroup()
	group.Group, group.MemberID, group.MemberEpoch = m.group, kmsg.StringPtr(id), generation
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.TopicID, topic.Partitions = m.topic, m.session.shape.ID, []int32{0}
	group.Topics = append(group.Topics, topic)
	req.Groups = append(req.Groups, group)
	resp, err := req.RequestWith(ctx, m.client)
	if err != nil {
		return err
	}
	for _, g := range resp.Groups {
		return kerr.ErrorForCode(g.ErrorCode)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
