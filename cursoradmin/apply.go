package cursoradmin

import (
	"context"
	"fmt"
	"slices"
)

// Report is a plan as it was carried out: its actions are WasSet, Deleted, Keep, Refuse and Failed.
type Report Plan

// String returns the report as a table, and lines that count.
func (r Report) String() string { return Plan(r).String() }

// Err returns the reasons of the steps that are not done, or nil.
func (r Report) Err() error { return Plan(r).Err() }

// Tried reports whether anything was written, or tried to.
func (r Report) Tried() bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Action == WasSet || s.Action == Deleted || s.Action == Failed })
}

// Apply carries the plan out and reports what became of each step. Nothing is done of a plan of which anything is refused, and, unless
// it is forced, of one of which any cursor has changed since: those steps are refused with ErrChanged, or
// with ErrAtWork if the consumer's group has got members. After the first write, each step is tried whatever became of others.
//
// The error is that of the brokers, with nothing done, or that of ctx; steps that were not tried by then are Failed with it.
func (a *Admin) Apply(ctx context.Context, plan Plan) (Report, error) {
	report := Report(plan)
	report.Steps = slices.Clone(plan.Steps)
	if plan.Err() != nil || !slices.ContainsFunc(report.Steps, Step.changes) {
		return report, nil
	}
	if !plan.Force {
		if err := a.verify(ctx, report.Steps); err != nil {
			return Report(plan), err
		}
		if report.Err() != nil {
			return report, nil
		}
	}
	for i := range report.Steps {
		s := &report.Steps[i]
		if !s.changes() {
			continue
		}
		done := WasSet
		var err error
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case s.Action == Delete:
			done, err = Deleted, a.store.Delete(ctx, s.key())
		default:
			err = a.store.Reset(ctx, s.key(), s.New)
		}
		s.Action = done
		if err != nil {
			s.Action, s.Why, s.Err = Failed, err.Error(), err
		}
	}
	return report, ctx.Err()
}

// verify refuses steps that are not what they were when they were planned.
func (a *Admin) verify(ctx context.Context, steps []Step) error {
	members, err := a.members(ctx, steps[0].Consumer)
	if err != nil {
		return err
	}
	entries, err := a.store.List(ctx)
	if err != nil {
		return err
	}
	found := byKey(entries)
	for i := range steps {
		s := &steps[i]
		e := found[s.key()]
		switch {
		case !s.changes():
		case len(members) > 0:
			s.refuse(&Error{
				Kind: ErrAtWork, Key: s.key(), Asked: fmt.Sprintf("consumer group %q to have no members", a.groupOf(s.Consumer)),
				Found: members[0], Do: "stop them and wait until they have left, then plan again",
			})
		case s.hasChanged(e, found):
			s.refuse(&Error{
				Kind: ErrChanged, Key: s.key(), Asked: fmt.Sprintf("cursor %q of epoch %d", s.Old, s.Epoch),
				Found: fmt.Sprintf("%q of epoch %d", e.Cursor, e.Epoch), Do: "stop the consumer where it runs, then plan again",
			})
		}
	}
	return nil
}
