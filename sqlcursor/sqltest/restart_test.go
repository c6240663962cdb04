package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

// mishap is what becomes of an event.
type mishap int

const (
	none             mishap = iota
	failBefore              // the logic fails before it has done anything
	failAfterEffect         // behind its effect, and so it rolls back
	failAfterCommit         // having committed: as a crash, or an answer that was lost
	forgetCommit            // and return nil
	panicInside             // of the transaction
	takenOver               // by another process, before the event
	takenOverBetween        // the commit and SetCursor
	mishaps
)

var errMishap = errors.New("mishap")

// However runs end, each event has its effect once, and in order.
func TestEffectsAreExactlyOnceHoweverRunsEnd(t *testing.T) {
	each(t, func(d *database) {
		t := d.t.(*testing.T)
		d.created()
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(1, 12).Draw(rt, "events")
			plans := rapid.SliceOfN(rapid.IntRange(0, int(mishaps)-1), n, 3*n).Draw(rt, "mishaps")
			viaTransact := rapid.Bool().Draw(rt, "Transact")
			e := d.effects()
			key := sqlcursor.Key{Consumer: consumer}
			require.NoError(rt, d.storeIn(d.DB).Delete(rt.Context(), key))

			next := func() mishap {
				if len(plans) == 0 {
					return none
				}
				m := mishap(plans[0])
				plans = plans[1:]
				return m
			}
			for runs := 0; ; runs++ {
				require.Less(rt, runs, 100, "makes no progress")
				s := d.storeIn(d.DB) // another process
				l := logic{effects: e, store: s, next: next}
				do := l.byHand
				if viaTransact {
					do = l.transact
				}
				err := d.run(s, n, do)
				if errors.Is(err, errEnd) {
					break
				}
				require.True(rt, errors.Is(err, errMishap) || errors.Is(err, sqlcursor.ErrSuperseded) || errors.Is(err, sqlcursor.ErrNotCommitted) ||
					errors.As(err, new(*reflex.PanicError)), "run: %v", err)
			}
			require.Equal(rt, once(numbers(n)...), e.read())
			require.Equal(rt, fmt.Sprint(n), d.peek())
			d.do("drop table " + e.name)
		})
	})
}

// logic does what an event does, and what may go wrong.
type logic struct {
	effects
	store *sqlcursor.Store
	next  func() mishap
}

func (l logic) takeOver(ctx context.Context) error {
	_, err := l.storeIn(l.DB).GetCursor(ctx, consumer)
	return err
}

func (l logic) byHand(ctx context.Context, ev *reflex.Event) error {
	m := l.next()
	switch m {
	case failBefore:
		return errMishap
	case takenOver:
		if err := l.takeOver(ctx); err != nil {
			return err
		}
	default:
	}
	tx, err := l.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := l.apply(ctx, tx, ev.ID); err != nil {
		return err
	}
	if m == failAfterEffect {
		return errMishap
	}
	if err := l.store.SetCursorTx(ctx, tx, consumer, ev.ID); err != nil {
		return err
	}
	switch m {
	case panicInside:
		panic(errMishap)
	case forgetCommit:
		return nil
	default:
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return l.afterwards(ctx, m)
}

func (l logic) transact(ctx context.Context, ev *reflex.Event) error {
	m := l.next()
	switch m {
	case failBefore:
		return errMishap
	case takenOver:
		if err := l.takeOver(ctx); err != nil {
			return err
		}
	default:
	}
	err := l.store.Transact(ctx, consumer, ev.ID, func(ctx context.Context, tx *sql.Tx) error {
		if err := l.apply(ctx, tx, ev.ID); err != nil {
			return err
		}
		switch m {
		case failAfterEffect:
			return errMishap
		case panicInside:
			panic(errMishap)
		case forgetCommit:
			return tx.Rollback()
		default:
			return nil
		}
	})
	if m == forgetCommit && errors.Is(err, sql.ErrTxDone) {
		return errMishap
	}
	if err != nil {
		return err
	}
	return l.afterwards(ctx, m)
}

func (l logic) afterwards(ctx context.Context, m mishap) error {
	switch m {
	case failAfterCommit:
		return errMishap
	case takenOverBetween:
		return l.takeOver(ctx)
	default:
		return nil
	}
}
