package sqlcursor

import (
	"context"
	"database/sql"
	"time"

	"github.com/luno/jettison/errors"
)

// The pauses after a conflict, each twice as long as the one before.
const (
	minPause = 2 * time.Millisecond
	maxPause = 100 * time.Millisecond
)

// attempt does something that leaves nothing behind if it fails, within the timeout. What is in the way of another
// transaction is done again: SQLite, without a busy_timeout, waits for nobody.
func (s *Store) attempt(ctx context.Context, key Key, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.config.timeout)
	defer cancel()
	var conflict error
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := s.explain(ctx, bounded, key, do(bounded))
		if err == nil || !errors.Is(err, ErrConflict) {
			if err != nil && bounded.Err() != nil && ctx.Err() == nil && conflict != nil {
				return conflict // says more than that the time is over
			}
			return err
		}
		conflict = err
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-bounded.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return errors.Wrap(ctx.Err(), "last: "+err.Error())
			}
			return err
		}
	}
}

// inTx does something in a transaction.
func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // nothing is committed, whatever it says
		return err
	}
	return tx.Commit()
}

// missing takes no row for an answer.
func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
