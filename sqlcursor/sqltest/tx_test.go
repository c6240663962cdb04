package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

func TestEffectAndCursorAreCommittedTogetherOrNeither(t *testing.T) {
	each(t, func(d *database) {
		t, s, e := d.t, d.created(), d.effects()
		d.get(s)

		tx := d.begin()
		require.NoError(t, e.apply(t.Context(), tx, "1"))
		require.NoError(t, s.SetCursorTx(t.Context(), tx, consumer, "1"))
		require.NoError(t, tx.Rollback())
		require.Empty(t, e.read())
		require.Equal(t, "none", d.peek())

		tx = d.begin()
		require.NoError(t, e.apply(t.Context(), tx, "1"))
		require.NoError(t, s.SetCursorTx(t.Context(), tx, consumer, "1"))
		require.Equal(t, "none", d.peek(), "not committed")
		require.NoError(t, tx.Commit())
		require.Equal(t, once("1"), e.read())
		require.Equal(t, "1", d.peek())
		require.NoError(t, s.SetCursor(t.Context(), consumer, "1"))
		require.Equal(t, "1", d.get(d.store()))
	})
}

// The former owner's effect is rolled back with its cursor.
func TestFormerOwnerIsRefusedInItsTransaction(t *testing.T) {
	each(t, func(d *database) {
		t, former, latter, e := d.t, d.created(), d.store(), d.effects()
		d.get(former)
		d.get(latter)
		tx := d.begin()
		require.NoError(t, e.apply(t.Context(), tx, "1"))
		err := former.SetCursorTx(t.Context(), tx, consumer, "1")
		require.ErrorIs(t, err, sqlcursor.ErrSuperseded)
		require.False(t, sqlcursor.IsPermanent(err))
		require.NoError(t, tx.Rollback())

		for range 2 { // not only once
			require.ErrorIs(t, former.SetCursor(t.Context(), consumer, "1"), sqlcursor.ErrSuperseded)
			require.ErrorIs(t, former.Transact(t.Context(), consumer, "1", e.logic("1")), sqlcursor.ErrSuperseded)
		}
		require.Empty(t, e.read())
		require.NoError(t, latter.Transact(t.Context(), consumer, "1", e.logic("1")), "the owner is not disturbed")
		require.Equal(t, once("1"), e.read())

		require.Equal(t, "1", d.get(former), "takes it back")
		require.NoError(t, former.SetCursor(t.Context(), consumer, "2"))
		require.ErrorIs(t, latter.SetCursor(t.Context(), consumer, "2"), sqlcursor.ErrSuperseded)
	})
}

// It may be taken over between any two statements of the logic.
func TestFormerOwnerIsRefusedThoughItBeganAsTheOwner(t *testing.T) {
	each(t, func(d *database) {
		if d.dialect == sqlcursor.SQLite {
			d.t.Skip("one writer at a time: whoever takes over waits for the transaction")
		}
		t, former, e := d.t, d.created(), d.effects()
		d.get(former)
		err := former.Transact(t.Context(), consumer, "1", func(ctx context.Context, tx *sql.Tx) error {
			d.get(d.store())
			return e.apply(ctx, tx, "1")
		})
		require.ErrorIs(t, err, sqlcursor.ErrSuperseded)
		require.Empty(t, e.read())
	})
}

// Under a snapshot the database refuses it, in its own words.
func TestFormerOwnerIsRefusedUnderASnapshot(t *testing.T) {
	d := newDatabase(t, sqlcursor.PostgreSQL)
	for _, level := range []sql.IsolationLevel{sql.LevelRepeatableRead, sql.LevelSerializable} {
		former, e := d.created(), d.effects()
		d.get(former)
		tx, err := d.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
		require.NoError(t, err)
		require.NoError(t, e.apply(t.Context(), tx, "1"))
		d.get(d.store())
		err = former.SetCursorTx(t.Context(), tx, consumer, "1")
		require.ErrorIs(t, err, sqlcursor.ErrConflict)
		require.False(t, sqlcursor.IsPermanent(err))
		require.Error(t, tx.Commit())
		require.Empty(t, e.read())
	}
}

// What comes next depends on how a transaction ends that has set the cursor.
func TestGetCursorWaitsForATransactionThatHasSetTheCursor(t *testing.T) {
	for _, commit := range []bool{true, false} {
		each(t, func(d *database) {
			t, former, e := d.t, d.created(), d.effects()
			latter := d.store()
			d.get(former)
			tx := d.begin()
			require.NoError(t, e.apply(t.Context(), tx, "1"))
			require.NoError(t, former.SetCursorTx(t.Context(), tx, consumer, "1"))
			got := make(chan string, 1)
			go func() {
				cursor, err := latter.GetCursor(context.WithoutCancel(t.Context()), consumer)
				if err != nil {
					cursor = err.Error()
				}
				got <- cursor
			}()
			select {
			case cursor := <-got:
				require.Fail(t, "did not wait", "got %q", cursor)
			case <-time.After(300 * time.Millisecond):
			}
			want := ""
			if commit {
				require.NoError(t, tx.Commit())
				want = "1"
			} else {
				require.NoError(t, tx.Rollback())
			}
			require.Equal(t, want, <-got)
		})
	}
}

// run runs a consumer over n events, whose stream ends then.
func (d *database) run(s reflex.CursorStore, n int, logic func(context.Context, *reflex.Event) error) error {
	d.t.Helper()
	return reflex.Run(d.t.Context(), reflex.NewSpec(reflex.NewMockStream(events(n), errEnd), s, reflex.NewConsumer(consumer, logic)))
}

var errEnd = errors.New("end of the stream")

// Logic that returns nil must have committed. If it hasn't, nobody may believe it.
func TestAForgottenCommitIsFound(t *testing.T) {
	each(t, func(d *database) {
		for name, forget := range map[string]func(*sql.Tx) error{
			"rolled back": (*sql.Tx).Rollback,
			"left open":   func(*sql.Tx) error { return nil },
		} {
			t, s, e := d.t, d.created(), d.effects()
			require.NoError(t, s.Delete(t.Context(), sqlcursor.Key{Consumer: consumer}))
			broken, left := true, (*sql.Tx)(nil)
			logic := func(ctx context.Context, ev *reflex.Event) error {
				tx, err := d.BeginTx(context.WithoutCancel(ctx), nil)
				if err != nil {
					return err
				}
				if err := errors.Join(e.apply(ctx, tx, ev.ID), s.SetCursorTx(ctx, tx, consumer, ev.ID)); err != nil {
					return errors.Join(err, tx.Rollback())
				}
				if ev.ID == "2" && broken {
					left = tx
					return forget(tx)
				}
				return tx.Commit()
			}
			err := d.run(s, 3, logic)
			require.ErrorIs(t, err, sqlcursor.ErrNotCommitted, name)
			require.ErrorContains(t, err, "set cursor error", name)
			require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "2"), sqlcursor.ErrNotCommitted, "nor later")
			require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "3"), sqlcursor.ErrNotCommitted, "nor the next")
			_ = left.Rollback()
			err = s.Transact(t.Context(), consumer, "3", e.logic("3"))
			require.ErrorIs(t, err, sqlcursor.ErrNotCommitted, "nor the next")
			require.Equal(t, once("1"), e.read(), name)
			require.Equal(t, "1", d.peek(), name)

			broken = false
			require.ErrorIs(t, d.run(s, 3, logic), errEnd, name)
			require.Equal(t, once("1", "2", "3"), e.read(), name)
			require.Equal(t, "3", d.peek(), name)
		}
	})
}

// Patterns retry logic that failed, also where it is its Commit whose answer was lost.
func TestWhatWasCommittedIsNotDoneAgain(t *testing.T) {
	each(t, func(d *database) {
		t, s, e := d.t, d.created(), d.effects()
		d.get(s)
		for range 2 { // with the claim in doubt, then known
			for range 2 {
				tx := d.begin()
				require.NoError(t, e.apply(t.Context(), tx, "7"))
				if err := s.SetCursorTx(t.Context(), tx, consumer, "7"); err == nil {
					require.Empty(t, e.read(), "the first time")
					require.NoError(t, tx.Commit())
				} else {
					require.ErrorIs(t, err, sqlcursor.ErrAlreadySet)
					require.NoError(t, tx.Rollback())
				}
				require.Equal(t, once("7"), e.read())
			}
			require.NoError(t, s.SetCursor(t.Context(), consumer, "7"))
		}
		for range 2 {
			require.NoError(t, s.Transact(t.Context(), consumer, "8", e.logic("8")))
		}
		require.NoError(t, s.SetCursor(t.Context(), consumer, "8"))
		require.Equal(t, once("7", "8"), e.read())

		// Two runs on one Store, against all advice, which share the ownership.
		d.get(s)
		require.NoError(t, s.Transact(t.Context(), consumer, "8", e.logic("8")))
		require.ErrorIs(t, s.Transact(t.Context(), consumer, "7", e.logic("7")), sqlcursor.ErrCursorRegression)
		require.Equal(t, once("7", "8"), e.read())
	})
}

// The transaction itself has set the cursor then, so that it is set means nothing.
func TestACursorSetTwiceInATransactionIsNotTakenForCommitted(t *testing.T) {
	each(t, func(d *database) {
		t, s, e := d.t, d.created(), d.effects()
		d.get(s)
		err := s.Transact(t.Context(), consumer, "1", func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(e.apply(ctx, tx, "1"), s.SetCursorTx(ctx, tx, consumer, "1"))
		})
		require.ErrorIs(t, err, sqlcursor.ErrInvalidOption)
		require.Empty(t, e.read())

		tx := d.begin()
		require.NoError(t, s.SetCursorTx(t.Context(), tx, consumer, "1"))
		require.ErrorIs(t, s.SetCursorTx(t.Context(), tx, consumer, "1"), sqlcursor.ErrAlreadySet)
		require.NoError(t, tx.Rollback())
		require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "1"), sqlcursor.ErrNotCommitted)
	})
}

func TestTransactRollsBackAndReturnsTheErrorAsItIs(t *testing.T) {
	each(t, func(d *database) {
		t, s, e := d.t, d.created(), d.effects()
		d.get(s)
		errLogic := errors.New("no")
		err := s.Transact(t.Context(), consumer, "1", func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(e.apply(ctx, tx, "1"), errLogic)
		})
		require.ErrorIs(t, err, errLogic)
		require.PanicsWithValue(t, "oh", func() {
			_ = s.Transact(t.Context(), consumer, "1", func(ctx context.Context, tx *sql.Tx) error {
				require.NoError(t, e.apply(ctx, tx, "1"))
				panic("oh")
			})
		})
		require.Empty(t, e.read())
		require.Equal(t, "none", d.peek())
		require.NoError(t, s.SetCursor(t.Context(), consumer, "1"), "a pattern skips the event")
		require.NoError(t, s.Transact(t.Context(), consumer, "2", e.logic("2")))
		require.Equal(t, once("2"), e.read())
	})
}

func TestSetCursorAfterTransactAsksNobody(t *testing.T) {
	each(t, func(d *database) {
		t := d.t
		d.created()
		db, e := d.open(), d.effects()
		s := d.storeIn(db)
		d.get(s)
		require.NoError(t, s.Transact(t.Context(), consumer, "1", e.logic("1")))
		require.NoError(t, db.Close())
		require.NoError(t, s.SetCursor(t.Context(), consumer, "1"))
		require.Error(t, s.SetCursor(t.Context(), consumer, "2"), "so it would have been seen")
	})
}

func TestATransactionNeedsAnOwner(t *testing.T) {
	each(t, func(d *database) {
		t, s, e := d.t, d.created(), d.effects()
		tx := d.begin()
		require.ErrorIs(t, s.SetCursorTx(t.Context(), tx, consumer, "1"), sqlcursor.ErrNotOwned)
		require.NoError(t, tx.Rollback())
		require.ErrorIs(t, s.Transact(t.Context(), consumer, "1", e.logic("1")), sqlcursor.ErrNotOwned)
		d.get(s)
		require.ErrorIs(t, s.SetCursorTx(t.Context(), nil, consumer, "1"), sqlcursor.ErrInvalidOption)
		require.ErrorIs(t, s.Transact(t.Context(), consumer, "1", nil), sqlcursor.ErrInvalidOption)
	})
}

func TestATransactionThatIsOver(t *testing.T) {
	each(t, func(d *database) {
		t, s := d.t, d.created()
		d.get(s)
		tx := d.begin()
		require.NoError(t, tx.Commit())
		err := s.SetCursorTx(t.Context(), tx, consumer, "1")
		require.ErrorIs(t, err, sqlcursor.ErrNotCommitted)
		require.ErrorIs(t, err, sql.ErrTxDone)
	})
}
