package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkastream"
)

// Mover moves the cursors of consumers. It is safe for concurrent use if what it was made
// of is; planning for a consumer twice at once makes no sense.
type Mover struct {
	from    Cursors
	through Mapping
	to      SettableCursors
	config  moveConfig
}

// MoveOption changes how a Mover moves.
type MoveOption func(*moveConfig)

type moveConfig struct {
	wait          time.Duration
	acceptRepeats bool
	force         bool
}

// WithWait makes Plan wait for events that are not copied yet, until they are or the time is
// over. Defaults to 0: they are ErrNotCopied at once.
func WithWait(d time.Duration) MoveOption {
	return func(c *moveConfig) { c.wait = d }
}

// WithRepeats moves a consumer whose event is not copied to the last one that is: what is
// in between comes again. It is for cursors on events that will never be copied, such as
// ones that the source hides from the copy. IDs must be numbers.
func WithRepeats() MoveOption {
	return func(c *moveConfig) { c.acceptRepeats = true }
}

// WithForce moves consumers back too, and replaces cursors that can't be understood.
func WithForce() MoveOption {
	return func(c *moveConfig) { c.force = true }
}

// NewMover returns a Mover from one place of cursors to another. It does no I/O.
func NewMover(from Cursors, through Mapping, to SettableCursors, opts ...MoveOption) *Mover {
	m := &Mover{from: from, through: through, to: to}
	for _, opt := range opts {
		opt(&m.config)
	}
	return m
}

// Plan says what Apply would do for each of the consumers, in their order, and changes nothing.
// What keeps a single consumer from being moved is in its Step; an error is of the
// brokers, of the places of cursors, or of ctx, which bounds it all.
func (m *Mover) Plan(ctx context.Context, consumers ...string) (Plan, error) {
	plan := Plan{Topic: m.through.topic, Partition: m.through.partition}
	cursors := make([]string, 0, len(consumers))
	for _, consumer := range consumers {
		step := Step{Consumer: consumer}
		var err error
		if step.Old, err = m.from.Cursor(ctx, consumer); err != nil {
			return Plan{}, errors.Wrap(err, "cursor to move of consumer "+quote(consumer))
		}
		if step.Present, err = m.to.Cursor(ctx, consumer); err != nil {
			return Plan{}, errors.Wrap(err, "present cursor of consumer "+quote(consumer))
		}
		plan.Steps = append(plan.Steps, step)
		if !slices.Contains(cursors, step.Old) {
			cursors = append(cursors, step.Old)
		}
	}
	until := time.Now().Add(m.config.wait)
	places, offsets, err := m.through.resolve(ctx, cursors, waiting{until: until, acceptRepeats: m.config.acceptRepeats})
	if err != nil {
		return Plan{}, err
	}
	plan.Start, plan.End = offsets.Start, offsets.LastStable
	for i := range plan.Steps {
		m.decide(&plan.Steps[i], places[plan.Steps[i].Old], offsets)
	}
	return plan, m.refuseBusy(ctx, plan.Steps)
}

// decide fills in what is to be done.
func (m *Mover) decide(s *Step, p place, offsets kafkastream.Offsets) {
	if p.err != nil {
		s.refuse(p.err)
		return
	}
	s.New, s.Behind = p.cursor, max(offsets.LastStable-p.next, 0)
	switch order, err := m.compare(s.Present, p); {
	case s.Old == "":
		s.Action, s.Why = Keep, "it has no cursor to move"
		if s.Present != "" {
			s.New, s.Behind = s.Present, m.behind(s.Present, offsets)
		}
	case err != nil && !m.config.force:
		s.refuse(err)
	case err == nil && order == 0:
		s.Action, s.Why = Keep, "it is there already"
		s.New = s.Present
		if s.Present == "" {
			s.Why = "nothing of what it consumed is here: it begins at the start"
		}
	case err == nil && order > 0 && !m.config.force:
		s.refuse(&Error{
			Kind: ErrAhead, Topic: m.through.topic, Partition: m.through.partition,
			Asked: "cursor " + quote(s.New), Found: "cursor " + quote(s.Present),
			Do: "leave it, or force it back: what is in between comes again",
		})
	case s.New == "":
		s.refuse(&Error{
			Kind: ErrAhead, Topic: m.through.topic, Partition: m.through.partition,
			Asked: "the start of the log", Found: "cursor " + quote(s.Present),
			Do: "reset the consumer yourself if it should begin at the start",
		})
	default:
		s.Action = Move
	}
}

// compare returns whether the present cursor is before (-1), at or behind (1) the place.
func (m *Mover) compare(present string, p place) (int, error) {
	if present == "" {
		if p.cursor == "" {
			return 0, nil
		}
		return -1, nil
	}
	at, err := kafkastream.ParseCursor(present)
	if err != nil {
		return 0, m.notOfThisLog(present, "no cursor of a partition")
	}
	if mine, err := kafkastream.ParseCursor(p.cursor); err == nil && !sameLog(at, mine) {
		return 0, m.notOfThisLog(present, "the ID of another topic, which had the name before")
	}
	next := at.Offset + 1
	switch {
	case p.cursor == "" || next > p.next:
		return 1, nil
	case next < p.next:
		return -1, nil
	}
	return 0, nil
}

// sameLog reports whether two cursors may be of one log.
func sameLog(a, b kafkastream.Cursor) bool {
	var unknown [16]byte
	return a.TopicID == b.TopicID || a.TopicID == unknown || b.TopicID == unknown
}

func (m *Mover) notOfThisLog(present, found string) error {
	return &Error{
		Kind: ErrBadCursor, Topic: m.through.topic, Partition: m.through.partition,
		Asked: "where the consumer is at present", Found: found + ": " + quote(present),
		Do: "find out who set it; force the move to replace it",
	}
}

func (m *Mover) behind(cursor string, offsets kafkastream.Offsets) int64 {
	at, err := kafkastream.ParseCursor(cursor)
	if err != nil {
		return 0
	}
	return max(offsets.LastStable-at.Offset-1, 0)
}

func (s *Step) refuse(why error) {
	s.Action, s.Why, s.Err = Refuse, why.Error(), why
	s.New, s.Behind = "", 0
}

// refuseBusy refuses to move anything from or to where somebody is at work.
func (m *Mover) refuseBusy(ctx context.Context, steps []Step) error {
	err := m.idle(ctx)
	if err != nil && !errors.Is(err, ErrGroupActive) {
		return err
	}
	for i := range steps {
		if err != nil && steps[i].Action == Move {
			steps[i].refuse(err)
		}
	}
	return nil
}

func (m *Mover) idle(ctx context.Context) error {
	for _, cursors := range []Cursors{m.from, m.to} {
		if i, ok := cursors.(idler); ok {
			if err := i.idle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Apply carries the plan out and reports what became of each step. A step whose cursors, old or present,
// have changed since the plan is refused with ErrMoved: somebody is at work there. The error is
// that of ctx; steps that were not tried by then are Failed with it.
func (m *Mover) Apply(ctx context.Context, plan Plan) (Report, error) {
	report := Report(plan)
	report.Steps = slices.Clone(plan.Steps)
	for i := range report.Steps {
		s := &report.Steps[i]
		if s.Action != Move {
			continue
		}
		err := m.apply(ctx, *s)
		switch {
		case err == nil:
			s.Action = Moved
		case errors.IsAny(err, ErrMoved, ErrGroupActive):
			s.refuse(err)
		default:
			s.Action, s.Why, s.Err = Failed, err.Error(), err
		}
	}
	return report, ctx.Err()
}

func (m *Mover) apply(ctx context.Context, s Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.idle(ctx); err != nil {
		return err
	}
	for _, look := range []struct {
		cursors Cursors
		planned string
		what    string
	}{{m.from, s.Old, "old"}, {m.to, s.Present, "present"}} {
		cursor, err := look.cursors.Cursor(ctx, s.Consumer)
		if err != nil {
			return err
		}
		if cursor != look.planned {
			return &Error{
				Kind: ErrMoved, Topic: m.through.topic, Partition: m.through.partition,
				Asked: fmt.Sprintf("%s cursor %s", look.what, quote(look.planned)), Found: "cursor " + quote(cursor),
				Do: "stop the consumer where it runs, then plan again",
			}
		}
	}
	return m.to.MoveCursor(ctx, s.Consumer, s.New)
}
