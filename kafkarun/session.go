package kafkarun

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/kafkastream"
)

// openings is how many partitions read their cursors and open their streams at a time. A runner that is handed a
// thousand would otherwise dial the brokers a thousand times at once.
const openings = 32

// session is one Run of a Runner: which partitions it has, and what runs beside them.
type session struct {
	runner  *Runner
	client  *kafka.Client // asks about the topic; each stream has its own
	shape   kafkastream.Shape
	member  atomic.Pointer[member] // nil without a group
	commits *committer             // without a group, in one that mirrors

	//nolint:containedctx // what the contexts of all logic have from that of Run, which ends earlier
	values  context.Context
	opening chan struct{}

	mu     sync.Mutex
	lanes  map[int32]*lane // those that are ours
	former map[int32]*lane // those let go of whose goroutine may still be there
	unsaid []error         // what could not be released cleanly
}

func newSession(ctx context.Context, r *Runner, client *kafka.Client, shape kafkastream.Shape) *session {
	s := &session{
		runner: r, client: client, shape: shape, values: context.WithoutCancel(ctx),
		opening: make(chan struct{}, openings), lanes: make(map[int32]*lane), former: make(map[int32]*lane),
	}
	interval := r.config.commit
	if r.config.mirror == "" {
		interval = 0
	}
	s.commits = newCommitter(interval, s.mirror)
	return s
}

// inherit keeps in mind whose logic of the Run before is still at work.
func (s *session) inherit(before *session) {
	if before == nil {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	for p, l := range before.former {
		if !l.over() {
			s.former[p] = l
		}
	}
}

// run runs until ctx is done or the group won't have us.
func (s *session) run(in context.Context) error {
	ctx, cancel := context.WithCancelCause(in)
	defer cancel(nil)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel(nil)
	beside.Go(func() { s.watch(ctx) })
	beside.Go(func() { s.measureAll(ctx) })

	if s.runner.config.group != "" {
		m, err := newMember(s, cancel) //nolint:contextcheck // the probe contacts nobody
		if err != nil {
			return err
		}
		beside.Go(func() { m.commits.run(ctx, s.mine) })
		<-ctx.Done()
		beside.Wait() // before the last commit, which must not be overtaken
		m.leave()     //nolint:contextcheck // that of Run is done by now
	} else {
		beside.Go(func() { s.grow(ctx) })
		beside.Go(func() { s.commits.run(ctx, s.mine) })
		s.assign(s.wanted(s.shape.Partitions)) //nolint:contextcheck // an ownership lives as long as the partition is ours
		<-ctx.Done()
		beside.Wait()
		s.commitLast(s.revoke(s.owned())) //nolint:contextcheck // that of Run is done by now
	}
	err := in.Err() // as everywhere, and not what its cause says
	if err == nil {
		err = context.Cause(ctx)
	}
	return ended(err, s.unclean())
}

// commitLast commits what lanes that were let go of had come to.
func (s *session) commitLast(lanes []*lane) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	s.commits.commit(ctx, lanes, true)
}

// wanted returns the partitions to run without a group, of n.
func (s *session) wanted(n int32) []int32 {
	if s.runner.config.partitions != nil {
		return s.runner.config.partitions
	}
	all := make([]int32, n)
	for p := range all {
		all[p] = int32(p)
	}
	return all
}

// grow takes on partitions that are added to the topic.
func (s *session) grow(ctx context.Context) {
	ticker := time.NewTicker(s.runner.config.refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		shape, err := s.runner.topic.Shape(ctx)
		if err != nil || shape.ID != s.shape.ID {
			continue // what is wrong with the topic its partitions say
		}
		s.assign(s.wanted(shape.Partitions)) //nolint:contextcheck // an ownership lives as long as the partition is ours
	}
}

// assign begins with those of the partitions that are not ours already.
func (s *session) assign(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range partitions {
		if s.lanes[p] != nil {
			continue
		}
		var before <-chan struct{}
		if l := s.former[p]; l != nil && !l.over() {
			before = l.clear
		}
		l := newLane(s, p, before)
		s.lanes[p] = l
		go l.live()
	}
}

// revoke lets go of partitions, all at once, and returns their lanes when that is done. Each is ours until its last
// cursor is flushed.
func (s *session) revoke(partitions []int32) []*lane {
	lanes := s.some(partitions)
	var stopping sync.WaitGroup
	for _, l := range lanes {
		stopping.Go(func() {
			err := l.stop()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.drop(l)
			if err != nil {
				s.unsaid = append(s.unsaid, err)
			}
		})
	}
	stopping.Wait()
	return lanes
}

// lose ends partitions that are somebody else's already.
func (s *session) lose(partitions []int32) {
	for _, l := range s.some(partitions) {
		s.mu.Lock()
		s.drop(l)
		s.mu.Unlock()
		l.lose()
	}
}

// drop makes a lane a former one. The lock is held.
func (s *session) drop(l *lane) {
	if s.lanes[l.number] == l {
		delete(s.lanes, l.number)
		s.former[l.number] = l
	}
}

// some returns those of the partitions that are ours.
func (s *session) some(partitions []int32) []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lanes []*lane
	for _, p := range partitions {
		if l := s.lanes[p]; l != nil {
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// owned returns the partitions that are ours.
func (s *session) owned() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.lanes))
}

// mine returns the lanes that are ours.
func (s *session) mine() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.lanes))
}

// owns reports whether the partition is ours.
func (s *session) owns(p int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lanes[p] != nil
}

// all returns the lanes that are ours, and those that are still being let go of, by partition.
func (s *session) all() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	lanes := slices.Collect(maps.Values(s.lanes))
	for p, l := range s.former {
		if l.over() {
			delete(s.former, p)
		} else if s.lanes[p] == nil {
			lanes = append(lanes, l)
		}
	}
	slices.SortFunc(lanes, func(a, b *lane) int { return int(a.number - b.number) })
	return lanes
}

func (s *session) unclean() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsaid
}

// watchTick is how often lanes are looked at from outside.
const watchTick = time.Second

// watch sees once a second where the lanes are.
func (s *session) watch(ctx context.Context) {
	ticker := time.NewTicker(watchTick)
	defer ticker.Stop()
	for {
		now := time.Now()
		for _, l := range s.all() {
			st := l.status(now)
			l.mu.Lock()
			idle := l.watched.look(st, now)
			l.mu.Unlock()
			if idle && st.State == Running {
				l.check(ctx)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// measureAll keeps the ends of the logs true while lanes are stuck. It is not for watch to do: a broker that gives no
// answer takes seconds.
func (s *session) measureAll(ctx context.Context) {
	ticker := time.NewTicker(s.runner.config.look)
	defer ticker.Stop()
	for {
		s.measure(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// measure asks the brokers where the logs of our partitions end. What none answers for stays as it was, and its
// time tells.
func (s *session) measure(ctx context.Context) {
	owned := s.owned()
	if len(owned) == 0 {
		return
	}
	ranges, err := partition.Ends(ctx, s.client, s.runner.topic.Name(), owned)
	if err != nil {
		return
	}
	now := time.Now()
	for _, l := range s.all() {
		r, ok := ranges[l.number]
		if !ok || r.Err != nil {
			continue
		}
		l.mu.Lock()
		l.watched.log = kafkastream.Offsets{Start: r.Start, LastStable: r.LastStable, HighWatermark: r.HighWatermark}
		l.watched.logAt = now
		l.mu.Unlock()
	}
}

func about(p *kafkastream.Partition) string { return fmt.Sprintf("%s/%d", p.Topic(), p.Partition()) }
