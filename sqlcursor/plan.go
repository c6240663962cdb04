package sqlcursor

import (
	"context"
	"database/sql"

	"github.com/luno/jettison/errors"
)

// plan is what to do about a cursor, as decided from what is known without asking the database.
type plan struct {
	verdict verdict
	epoch   int64
	claim   *claim // in doubt
	order   string // known to be set
	why     error  // the ownership was lost
}

func (sl *slot) plan(v value) plan {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	o := &sl.ownership
	return plan{verdict: o.set(v.id, v.order), epoch: o.epoch, claim: o.claim, order: o.order, why: o.why}
}

// refusal is the error of a plan that can't be carried out.
func (s *Store) refusal(sl *slot, p plan, v value) error {
	switch p.verdict {
	case notOwned:
		return p.why
	case backwards:
		return s.regression(sl, v, p.order)
	case doubted:
		return s.complaint(sl.key, &Error{
			Kind: ErrConflict, Found: "another transaction of this Store that sets the cursor", Do: "run one consumer of that name",
		})
	default:
		return s.complaint(sl.key, &Error{Kind: ErrNotOwned, Do: "call GetCursor first, as reflex.Run does"})
	}
}

// write sets the cursor in a statement of its own.
func (s *Store) write(ctx context.Context, sl *slot, epoch int64, v value) error {
	var changed int64
	err := s.attempt(ctx, sl.key, func(ctx context.Context) (err error) {
		changed, err = s.update(ctx, s.db, sl, epoch, v)
		return err
	})
	if err != nil {
		return err
	}
	if changed == 0 {
		r, err := s.look(ctx, sl)
		if err != nil {
			return err
		}
		stands, err := s.judge(sl, epoch, v, r)
		if err != nil {
			return err
		}
		if stands == ahead {
			// What was in the way a moment ago isn't any more.
			return s.complaint(sl.key, &Error{Kind: ErrConflict, Found: "a cursor that others set at the same time", Do: "run one consumer of that name"})
		}
	}
	sl.confirm(epoch, v)
	return nil
}

// update sets the cursor if the row is this Store's and the cursor doesn't go back. It returns how many rows
// that changed.
func (s *Store) update(ctx context.Context, in execer, sl *slot, epoch int64, v value) (int64, error) {
	query, args := s.sql.change, []any{v.text, v.text}
	if v.order != "" {
		query, args = s.sql.advance, []any{v.text, len(v.order), len(v.order), v.order}
	}
	result, err := in.ExecContext(ctx, query, sl.args(args, epoch, s.owner)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// judge says why a cursor was not written, given the row: as an error, or as level, where it is there already.
func (s *Store) judge(sl *slot, epoch int64, v value, r row) (standing, error) {
	if !r.found || r.epoch != epoch || r.owner != s.owner {
		err := s.superseded(sl, epoch, r)
		sl.lose(epoch, err)
		return ahead, err
	}
	stands := r.standing(v)
	if stands == behind {
		return stands, s.regression(sl, v, r.cursor.String)
	}
	return stands, nil
}

// confirmClaim ends the doubt about a claim if it holds. Its cursor is what the row has, or was.
func (s *Store) confirmClaim(ctx context.Context, sl *slot, p plan, look func(context.Context, *slot) (row, error)) error {
	r, err := look(ctx, sl)
	if err != nil {
		return err
	}
	if _, err := s.judge(sl, p.epoch, p.claim.value, r); err != nil && !errors.Is(err, ErrCursorRegression) {
		return err
	}
	if !r.reached(p.claim) {
		return s.notCommitted(sl, p.claim, r)
	}
	sl.confirm(p.epoch, p.claim.value)
	sl.settle(p.claim)
	return nil
}

func (sl *slot) confirm(epoch int64, v value) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	sl.ownership.confirm(epoch, v)
}

func (sl *slot) settle(c *claim) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	sl.ownership.settle(c)
}

func (sl *slot) lose(epoch int64, why error) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	sl.ownership.lose(epoch, why)
}
