package kafkarun

import (
	"time"

	"github.com/kreflex/kreflex/kafkastream"
)

// State is what a runner does with a partition.
type State string

// The states of a partition.
const (
	// Starting means that its cursor is being read or its stream opened.
	Starting State = "starting"
	// Running means that its events are consumed as they come.
	Running State = "running"
	// Retrying means that it failed, and is run again after a pause.
	Retrying State = "retrying"
	// Parked means that it failed in a way that somebody has to do something about, which the error says. It is
	// looked at again from time to time, so nothing has to be restarted.
	Parked State = "parked"
	// Unconfirmed means that somebody else has set its cursor, and the group has not yet said that this member
	// still is one.
	Unconfirmed State = "unconfirmed"
	// Draining means that it is being let go of, with an event in hand perhaps.
	Draining State = "draining"
	// Released means that it was let go of, and belongs to somebody else if to anybody.
	Released State = "released"
)

// Status is a snapshot of a runner.
type Status struct {
	// Consumer is the consumer's name, or empty before the first partition was begun with.
	Consumer string `json:"consumer"`
	Topic    string `json:"topic"`
	// Group and Member say who runs the partitions; they are empty without a group, and Member while the group
	// has not let this one in.
	Group  string `json:"group,omitempty"`
	Member string `json:"member,omitempty"`
	// Generation is that of the membership, or its epoch with KIP-848; -1 without one.
	Generation int32 `json:"generation"`
	// GroupError is what is wrong with the membership, or with committing its offsets. It is nil once that is mended.
	GroupError *Failure `json:"group_error,omitempty"`
	// OutSince is since when this runner has not been in the group, or is zero.
	OutSince time.Time `json:"out_since,omitzero"`
	// Running says whether Run goes on.
	Running bool `json:"running"`
	// At is when the snapshot was taken.
	At time.Time `json:"at"`
	// Condition is the worst of the partitions', Stuck when Run does not go on, or when it has not been in its group for as
	// long as makes a partition stuck.
	Condition Condition `json:"condition"`
	// Partitions are those that this runner has, in order, and those that it is still about to let go of.
	Partitions []PartitionStatus `json:"partitions"`
}

// Failure is an error and when it happened.
type Failure struct {
	Err error     `json:"-"`
	Is  string    `json:"error"`
	At  time.Time `json:"at"`
}

// newFailure returns nil for nil.
func newFailure(err error, at time.Time) *Failure {
	if err == nil {
		return nil
	}
	return &Failure{Err: err, Is: err.Error(), At: at}
}

// PartitionStatus is a snapshot of a partition. Offsets that are not known are -1.
type PartitionStatus struct {
	Partition int32 `json:"partition"`
	State     State `json:"state"`
	// Since is when the state began.
	Since time.Time `json:"since"`
	// Condition is what to think of it, see Condition.
	Condition Condition `json:"condition"`

	// Next is the offset that is consumed next.
	Next int64 `json:"next"`
	// InHand is the offset of the event that the consumer is at, or could not consume, and InHandSince when it was first
	// seen there, which is up to a second late. -1 if there is none.
	InHand      int64     `json:"in_hand"`
	InHandSince time.Time `json:"in_hand_since,omitzero"`
	// WaitingSince is since when there has been something to consume and nothing was consumed, up to a second late. It
	// is zero while there is nothing to do, or while it gets done.
	WaitingSince time.Time `json:"waiting_since,omitzero"`

	// Log is the range of the log, and LogAt when the brokers said so. If none of them answers it is of
	// long ago.
	Log   kafkastream.Offsets `json:"log"`
	LogAt time.Time           `json:"log_at,omitzero"`
	// Lag is how many offsets there are from Next to the last stable offset. Those that no
	// event has count too, but for those behind the last event. -1 while it isn't known.
	Lag int64 `json:"lag"`
	// LagTime is how old the oldest event is that is not consumed, by its timestamp; 0 if there is none. -1 while it isn't
	// known, as with an event that was not read yet.
	LagTime time.Duration `json:"lag_time_ns"`

	// LastError is what ended the last run, until an event is consumed after it.
	LastError *Failure `json:"last_error,omitempty"`
	// FailingSince is when the first of the runs failed that Failures counts.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Failures is how many runs in a row failed without consuming an event in between.
	Failures int `json:"failures"`
	// Restarts is how many runs failed since the partition was taken over.
	Restarts int `json:"restarts"`
}

// Status returns a snapshot. It asks nobody, and waits for nothing.
func (r *Runner) Status() Status {
	now := time.Now()
	st := Status{Topic: r.topic.Name(), Group: r.config.group, Generation: -1, Running: r.running.Load(), At: now, Condition: Stuck}
	s := r.current()
	if s == nil || !st.Running {
		return st
	}
	if m := s.member.Load(); m != nil {
		st.Member, _, st.Generation = m.Generation()
		st.GroupError, st.OutSince = m.trouble.failure(), m.outSince()
		if st.GroupError == nil {
			st.GroupError = m.commits.trouble.failure()
		}
	} else {
		st.GroupError = s.commits.trouble.failure()
	}
	limit := limits{stuck: r.config.stuck, slow: r.config.slow}
	for _, l := range s.all() {
		p := l.status(now)
		l.mu.Lock()
		if l.name != "" {
			st.Consumer = l.name
		}
		l.mu.Unlock()
		if p.State == Released {
			continue
		}
		p.Condition = judge(p, now, limit)
		st.Partitions = append(st.Partitions, p)
	}
	st.Condition = st.overall(limit)
	return st
}

// overall is the condition of the whole.
func (st *Status) overall(limit limits) Condition {
	worst := OK
	if !st.OutSince.IsZero() && st.At.Sub(st.OutSince) >= limit.stuck {
		worst = Stuck
	}
	for _, p := range st.Partitions {
		if p.Condition.rank() > worst.rank() {
			worst = p.Condition
		}
	}
	return worst
}

// status is the snapshot of a lane.
func (l *lane) status(now time.Time) PartitionStatus {
	p := PartitionStatus{Partition: l.number, Next: -1, InHand: -1, Lag: -1, LagTime: -1}
	if next := l.at.next(); next != unknown {
		p.Next = next
	}
	offset, timestamp, inHand := l.at.inHand()

	l.mu.Lock()
	p.State, p.Since, p.Failures, p.Restarts = l.state, l.since, l.failures, l.total
	if l.err != nil && !l.at.advanced.Load() {
		p.LastError, p.FailingSince = newFailure(l.err, l.errAt), l.failingSince
	}
	p.WaitingSince = l.watched.waiting
	p.Log, p.LogAt = l.watched.log, l.watched.logAt
	if inHand {
		p.InHand, p.InHandSince = offset, l.watched.handSince(offset, now)
	}
	l.mu.Unlock()

	if read, ok := l.at.latest(); ok && read.At.After(p.LogAt) {
		p.Log, p.LogAt = read.Offsets, read.At
	}
	p.measure(timestamp, now)
	return p
}

// measure computes the lag.
func (p *PartitionStatus) measure(oldest time.Time, now time.Time) {
	if p.LogAt.IsZero() || p.Next < 0 {
		return
	}
	// What retention has removed can't be consumed any more, and is no lag: the stream will say that it is gone.
	p.Lag = max(p.Log.LastStable-max(p.Next, p.Log.Start), 0)
	switch {
	case p.InHand >= 0:
		p.LagTime = max(now.Sub(oldest), 0)
		p.Lag = max(p.Lag, 1)
	case p.Lag == 0:
		p.LagTime = 0
	}
}
