package sqltest_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

// All that writes waits for a transaction that holds the row, but not for longer than it may.
func TestNobodyWaitsForARowBeyondItsContext(t *testing.T) {
	const patience, bound = 200 * time.Millisecond, 3 * time.Second
	each(t, func(d *database) {
		t, key := d.t, sqlcursor.Key{Consumer: consumer}
		s := d.created()
		impatient := d.store(sqlcursor.WithTimeout(patience))
		hold := func() (release func() error) {
			tx := d.begin()
			_, err := tx.ExecContext(t.Context(), "update "+d.table+" set epoch = epoch")
			require.NoError(t, err)
			return tx.Rollback
		}

		calls := func(s *sqlcursor.Store, cursor string) map[string]func(context.Context) error {
			return map[string]func(context.Context) error{
				"GetCursor": func(ctx context.Context) error { _, err := s.GetCursor(ctx, consumer); return err },
				"SetCursor": func(ctx context.Context) error { return s.SetCursor(ctx, consumer, cursor) },
				"Reset":     func(ctx context.Context) error { return s.Reset(ctx, key, cursor) },
				"Delete":    func(ctx context.Context) error { return s.Delete(ctx, key) },
				"Create":    func(ctx context.Context) error { return s.Create(ctx) },
				"SetCursorTx": func(ctx context.Context) error {
					tx, err := d.BeginTx(ctx, nil)
					if err != nil {
						return err
					}
					defer func() { _ = tx.Rollback() }()
					return s.SetCursorTx(ctx, tx, consumer, cursor)
				},
				"Transact": func(ctx context.Context) error {
					return s.Transact(ctx, consumer, cursor, func(context.Context, *sql.Tx) error { return nil })
				},
			}
		}
		d.get(s)
		release := hold()
		for name, call := range calls(s, "1") {
			if name == "Create" && d.dialect != sqlcursor.SQLite {
				continue // is in nobody's way
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			began := time.Now()
			err := call(ctx)
			cancel()
			require.Less(t, time.Since(began), bound, name)
			if d.dialect == sqlcursor.SQLite && (name == "SetCursorTx" || name == "Transact") {
				require.Error(t, err, name) // BEGIN is told at once
				continue
			}
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
		}
		require.NoError(t, release())
		// MariaDB may go on with a SetCursor that was given up here, as it ended its wait by itself. It is
		// of an owner that is none any more, or before.
		d.get(impatient)
		release = hold()
		for name, call := range calls(impatient, "2") {
			if name == "Create" && d.dialect != sqlcursor.SQLite {
				continue
			}
			began := time.Now()
			err := call(t.Context())
			require.Less(t, time.Since(began), bound, name)
			require.NotErrorIs(t, err, context.DeadlineExceeded, name+": that is not the caller's")
			if d.dialect == sqlcursor.SQLite {
				if name != "SetCursorTx" { // whose BEGIN is ours
					require.ErrorIs(t, err, sqlcursor.ErrConflict, name)
				}
			} else {
				require.ErrorIs(t, err, sqlcursor.ErrUnreachable, name)
				require.ErrorContains(t, err, "200ms", name)
			}
			require.False(t, sqlcursor.IsPermanent(err), name)
		}
		// Who only looks waits for nobody.
		d.peek()
		_, err := s.List(t.Context())
		require.NoError(t, err)
		require.NoError(t, release())
	})
}

func TestNothingIsDoneInAContextThatIsDone(t *testing.T) {
	each(t, func(d *database) {
		t, s := d.t, d.created()
		d.get(s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.GetCursor(ctx, consumer)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, s.SetCursor(ctx, consumer, "1"), context.Canceled)
		require.ErrorIs(t, s.Flush(ctx), context.Canceled)
		require.ErrorIs(t, s.Transact(ctx, consumer, "1", nil), sqlcursor.ErrInvalidOption)
		_, err = s.List(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, s.SetCursor(t.Context(), consumer, "1"))
	})
}
