package sqlcursor

import (
	"context"
	"database/sql"

	"github.com/luno/jettison/errors"
)

// SetCursorTx sets the cursor in a transaction of the logic: what the event did and that it
// was consumed are committed together, or neither. Call it last, as it holds the row until the
// transaction is over. The transaction must be of the Store's database, and the cursor the ID of the event.
//
// On an error roll back and return it: ErrSuperseded, where the consumer runs elsewhere meanwhile, so that
// what was done here goes too; on ErrAlreadySet roll back and return nil, as what was done is committed.
// Unless Transact does all that, the logic must return the error of Commit.
//
// An event whose transaction was rolled back can't be skipped, as by a dead letter: SetCursor returns
// ErrNotCommitted. With Transact it can.
func (c *Cursors) SetCursorTx(ctx context.Context, tx *sql.Tx, consumerName, cursor string) error {
	sl, v, err := c.value(consumerName, cursor)
	if err != nil {
		return err
	}
	if tx == nil {
		return c.store.complaint(sl.key, &Error{Kind: ErrInvalidOption, Asked: "a nil transaction", Do: "give it that of the logic"})
	}
	_, err = c.store.setTx(ctx, tx, sl, v)
	return err
}

// Transact runs the logic in a transaction that also sets the cursor, and commits it. If the logic returns
// an error, or panics, all is rolled back, and the error is returned as it is. The cursor is the ID of the
// event. The SetCursor of reflex.Run behind it costs nothing.
//
// If the cursor is set already, what the logic would do is committed: Transact returns nil, and what the logic
// may have done once more is rolled back. If the answer to the commit is lost, Transact
// looks whether it came about.
//
// The logic must not end the transaction, nor set the cursor.
func (c *Cursors) Transact(ctx context.Context, consumerName, cursor string, logic func(context.Context, *sql.Tx) error) (err error) {
	sl, v, err := c.value(consumerName, cursor)
	if err != nil {
		return err
	}
	s := c.store
	if logic == nil {
		return s.complaint(sl.key, &Error{Kind: ErrInvalidOption, Asked: "no logic", Do: "give Transact a function"})
	}
	done, err := s.before(ctx, sl, v)
	if done || err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(ctx, ctx, sl.key, err)
	}
	// Also if the logic panics. It does nothing behind a Commit.
	defer func() { _ = tx.Rollback() }()
	if err := logic(ctx, tx); err != nil {
		return err
	}
	set, err := s.setTx(ctx, tx, sl, v)
	if errors.Is(err, ErrAlreadySet) {
		_ = tx.Rollback()
		return s.already(ctx, sl, v)
	}
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.inDoubt(ctx, sl, set, err)
	}
	sl.confirm(set.epoch, v)
	sl.settle(set)
	return nil
}

// before reports whether there is nothing to do for the logic any more.
func (s *Store) before(ctx context.Context, sl *slot, v value) (done bool, err error) {
	switch p := sl.plan(v); p.verdict {
	case same:
		return true, nil
	case write:
		return false, nil
	case doubted:
		if p.claim.id != v.id {
			return false, nil // setTx will see
		}
		err := s.confirmClaim(ctx, sl, p, s.lookLocked)
		if errors.Is(err, ErrNotCommitted) {
			// Nor will it be: the row was locked.
			sl.settle(p.claim)
			return false, nil
		}
		return err == nil, err
	default:
		return false, s.refusal(sl, p, v)
	}
}

// setTx sets the cursor in the transaction, and returns the claim that it is set.
func (s *Store) setTx(ctx context.Context, tx *sql.Tx, sl *slot, v value) (*claim, error) {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	look := func(ctx context.Context, sl *slot) (r row, err error) {
		err = missing(r.scan(tx.QueryRowContext(ctx, s.sql.lookLocked, sl.args(nil)...).Scan))
		return r, s.explain(ctx, bounded, sl.key, err)
	}
	p := sl.plan(v)
	switch p.verdict {
	case write:
	case same:
		return nil, s.alreadySet(sl, v)
	case doubted:
		if p.claim.id == v.id {
			break // once more, after a rollback or a commit, and the row tells which
		}
		// An event before this one. Without it this one must not be set.
		r, err := look(bounded, sl)
		if err != nil {
			return nil, s.explain(ctx, bounded, sl.key, err)
		}
		if r.found && r.epoch == p.epoch && r.owner == s.owner && !r.reached(p.claim) {
			return nil, s.notCommitted(sl, p.claim, r)
		}
	default:
		return nil, s.refusal(sl, p, v)
	}
	changed, err := s.update(bounded, tx, sl, p.epoch, v)
	if err != nil {
		return nil, s.explain(ctx, bounded, sl.key, err)
	}
	if changed > 0 {
		sl.mu.Lock()
		defer sl.mu.Unlock()
		return sl.ownership.put(p.epoch, v), nil
	}
	r, err := look(bounded, sl)
	if err != nil {
		return nil, s.explain(ctx, bounded, sl.key, err)
	}
	if _, err := s.judge(sl, p.epoch, v, r); err != nil {
		return nil, err
	}
	// As level, and not confirmed: this transaction itself may have set it.
	return nil, s.alreadySet(sl, v)
}

// already is about a cursor that was set already in a transaction that was rolled back since.
func (s *Store) already(ctx context.Context, sl *slot, v value) error {
	p := sl.plan(v)
	if p.verdict == same {
		return nil
	}
	r, err := s.lookLocked(ctx, sl)
	if err != nil {
		return err
	}
	stands, err := s.judge(sl, p.epoch, v, r)
	if err != nil {
		return err
	}
	if stands == ahead {
		// It was the logic that had set it, and that is gone.
		sl.settle(p.claim)
		return s.complaint(sl.key, &Error{
			Kind: ErrInvalidOption, Asked: "logic that sets the cursor in Transact", Do: "leave SetCursorTx out: Transact does it",
		})
	}
	sl.confirm(p.epoch, v)
	sl.settle(p.claim)
	return nil
}

// inDoubt is about a commit that ended with an error: it may have come about, and only the answer be lost.
func (s *Store) inDoubt(ctx context.Context, sl *slot, c *claim, cause error) error {
	err := s.explain(ctx, ctx, sl.key, cause)
	if ctx.Err() != nil {
		return err
	}
	lookErr := s.confirmClaim(ctx, sl, plan{epoch: c.epoch, claim: c}, s.lookLocked)
	switch {
	case lookErr == nil:
		return nil
	case errors.Is(lookErr, ErrNotCommitted):
		// Nor will it be: the row was locked.
		sl.settle(c)
		return err
	default:
		return errors.Join(err, lookErr)
	}
}

func (s *Store) alreadySet(sl *slot, v value) error {
	return s.complaint(sl.key, &Error{Kind: ErrAlreadySet, Asked: "cursor " + clip(v.id), Do: "roll back and return nil: what it stands for is committed"})
}
