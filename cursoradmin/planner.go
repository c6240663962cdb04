package cursoradmin

import (
	"context"
	"fmt"
	"slices"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// PlanReset says what setting the cursors of a consumer would do, in these partitions of the topic, or in all of them
// without any, and changes nothing. What keeps a single cursor from being set is in its Step; an error is about
// all of them: ErrUnknownConsumer, kafkastream.ErrUnknownTopic and ErrUnknownPartition, those of the brokers, or of ctx.
func (a *Admin) PlanReset(ctx context.Context, consumer, topic string, partitions []int32, target Target) (Plan, error) {
	if target.places == nil {
		return Plan{}, &Error{Kind: ErrInvalidOption, Asked: "a target that says nothing", Do: "make it with ToStart or one of its kind"}
	}
	if consumer == "" || topic == "" {
		return Plan{}, &Error{Kind: ErrInvalidOption, Asked: "a consumer or topic without a name", Do: "give its name"}
	}
	entries, err := a.store.List(ctx)
	if err != nil {
		return Plan{}, err
	}
	l, err := a.logs(ctx, topic)
	if err == nil {
		err = existing(l.err, entries)
	}
	if err != nil {
		return Plan{}, err
	}
	if !a.config.create {
		if err := known(entries, consumer, topic); err != nil {
			return Plan{}, err
		}
	}
	q := question{admin: a, consumer: consumer, topic: topic, logs: l, partitions: partitions, entries: entries}
	if len(partitions) == 0 {
		q.partitions = l.all()
	}
	for _, partition := range partitions {
		if _, err := l.of(topic, partition); err != nil {
			return Plan{}, err
		}
	}
	places, err := target.places(ctx, q)
	if err != nil {
		return Plan{}, err
	}
	return a.plan(ctx, q, places, len(partitions) > 0)
}

// PlanCopy says what setting a consumer's cursors to those of another one would do. It may be one that has none yet.
func (a *Admin) PlanCopy(ctx context.Context, from, to, topic string) (Plan, error) {
	bold := *a
	bold.config.create = true
	return bold.PlanReset(ctx, to, topic, nil, Like(from))
}

// plan turns places into steps.
func (a *Admin) plan(ctx context.Context, q question, places map[int32]place, asked bool) (Plan, error) {
	plan := Plan{Force: a.config.force}
	found := byKey(q.entries)
	for _, partition := range slices.Compact(slices.Sorted(slices.Values(q.partitions))) {
		p, ok := places[partition]
		if !ok && !asked {
			continue
		}
		if !ok {
			p.err = &Error{Kind: ErrBadFile, Key: q.key(partition), Asked: "its cursor", Found: "none for this partition", Do: "leave the partition out"}
		}
		s := newStep(q.key(partition), found, q.logs)
		switch {
		case s.Action == Refuse:
		case p.err != nil:
			s.refuse(p.err)
		default:
			s.set(p)
		}
		plan.Steps = append(plan.Steps, s)
	}
	return a.finish(ctx, plan, map[string]logs{q.topic: q.logs})
}

// PlanDelete says what removing cursors of a consumer would do: those in a topic, or of some of its partitions, or without a topic all
// that it has. The topic needn't be there any more. It is ErrUnknownConsumer if there is none.
func (a *Admin) PlanDelete(ctx context.Context, consumer, topic string, partitions []int32) (Plan, error) {
	entries, err := a.store.List(ctx)
	if err != nil {
		return Plan{}, err
	}
	if err := known(entries, consumer, topic); err != nil {
		return Plan{}, err
	}
	mine := slices.DeleteFunc(slices.Clone(entries), func(e kafkacursor.Entry) bool {
		return !Filter{Consumers: []string{consumer}, Topic: topic}.matches(e.Key) || // of somebody else
			e.Key.Topic == "" && e.Err != nil || // not even its key is known
			len(partitions) > 0 && !slices.Contains(partitions, e.Key.Partition)
	})
	if len(mine) == 0 {
		return Plan{}, &Error{
			Kind: ErrUnknownConsumer, Asked: fmt.Sprintf("%s, partitions %v", askedFor(consumer, topic), partitions),
			Found: "cursors in other partitions only", Do: "correct the partitions",
		}
	}
	topics, err := a.logsOf(ctx, mine)
	if err != nil {
		return Plan{}, err
	}
	plan, found := Plan{Force: a.config.force}, byKey(mine)
	for _, e := range mine {
		l := topics[e.Key.Topic]
		s := newStep(e.Key, found, l)
		if s.Action != Refuse {
			s.Action, s.NewNext = Delete, s.Start
		}
		plan.Steps = append(plan.Steps, s)
	}
	return a.finish(ctx, plan, topics)
}

// newStep says where a cursor is.
func newStep(key kafkacursor.Key, found map[kafkacursor.Key]kafkacursor.Entry, l logs) Step {
	s := Step{Consumer: key.Consumer, Topic: key.Topic, Partition: key.Partition, OldState: None, NewNext: unknown, Record: unknown}
	e, ok := found[key]
	if !ok {
		log, _ := l.of(key.Topic, key.Partition) // was looked at before
		s.OldNext, s.Start, s.End = log.Start, log.Start, log.LastStable
		return s
	}
	p, log := judgeEntry(e, l)
	s.Old, s.OldState, s.OldNext = e.Cursor, p.state, p.next
	s.Start, s.End, s.Epoch, s.Record = log.Start, log.LastStable, e.Epoch, e.Offset
	if isMisplaced(e.Err) {
		s.refuse(e.Err)
	}
	return s
}

// set says where it is to be.
func (s *Step) set(p place) {
	s.New, s.NewNext, s.Why = p.cursor, p.next, p.why
	switch {
	case s.OldState == None && s.New == "":
		s.Action, s.Why = Keep, "it begins at the start already"
	case s.OldState == OK && s.OldNext == s.NewNext && (s.Old == "") == (s.New == ""):
		s.Action, s.Why, s.New = Keep, "it is there already", s.Old
	default:
		s.Action = Set
	}
}

// finish counts events, and refuses what is at work.
func (a *Admin) finish(ctx context.Context, plan Plan, topics map[string]logs) (Plan, error) {
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if !s.changes() {
			continue
		}
		if err := a.measure(ctx, s, topics[s.Topic]); err != nil {
			return Plan{}, err
		}
	}
	if a.config.force || !slices.ContainsFunc(plan.Steps, Step.changes) {
		return plan, nil
	}
	return plan, a.refuseAtWork(ctx, plan.Steps)
}

// measure finds out which events come again, and which are skipped.
func (a *Admin) measure(ctx context.Context, s *Step, l logs) error {
	s.ComeAgain, s.Skipped = unknown, unknown
	log, err := l.of(s.Topic, s.Partition)
	if err != nil || s.Topic == "" {
		return nil //nolint:nilerr // what isn't there has no events
	}
	from, ok := s.consumedUpTo(log)
	if !ok {
		return nil
	}
	to := min(max(s.NewNext, log.Start), log.LastStable)
	n, exact, err := a.count(ctx, s.Topic, s.Partition, min(from, to), max(from, to))
	if err != nil {
		return err
	}
	s.ComeAgain, s.Skipped, s.Exact = 0, n, exact
	if to < from {
		s.ComeAgain, s.Skipped = n, 0
	}
	return nil
}

// consumedUpTo returns the offset before which the old cursor says that all was consumed, of what the log has.
func (s *Step) consumedUpTo(log kafkastream.Offsets) (int64, bool) {
	switch s.OldState {
	case OK, None:
	case BeyondEnd:
		s.because("the old cursor is beyond the end")
	case Expired:
		s.because(fmt.Sprintf("%d offsets after the old cursor are gone", log.Start-s.OldNext))
	case Recreated:
		s.because("the old cursor is of a topic that had the name before")
		return log.Start, true
	default:
		s.because("the old cursor is " + string(s.OldState))
		return 0, false
	}
	return min(max(s.OldNext, log.Start), log.LastStable), true
}

func (s *Step) because(why string) {
	if s.Why != "" {
		why = s.Why + "; " + why
	}
	s.Why = why
}
