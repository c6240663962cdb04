package sqltest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

// doubtful connects with another driver, and has a commit end with an error, after it or instead of it.
type doubtful struct {
	of  driver.Driver
	dsn string
	// end ends the next transactions; nil is a commit like any other.
	end func(driver.Tx) error
}

func (d *doubtful) Driver() driver.Driver { return d.of }

func (d *doubtful) Connect(context.Context) (driver.Conn, error) {
	conn, err := d.of.Open(d.dsn)
	return doubtfulConn{Conn: conn, d: d}, err
}

type doubtfulConn struct {
	driver.Conn
	d *doubtful
}

func (c doubtfulConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	return doubtfulTx{Tx: tx, d: c.d}, err
}

type doubtfulTx struct {
	driver.Tx
	d *doubtful
}

func (tx doubtfulTx) Commit() error {
	if tx.d.end == nil {
		return tx.Tx.Commit()
	}
	return tx.d.end(tx.Tx)
}

var errLost = errors.New("connection was lost")

// An error of Commit says nothing of how it ended.
func TestTransactFindsOutHowACommitEnded(t *testing.T) {
	each(t, func(d *database) {
		t, e := d.t, d.effects()
		d.created()
		unsure := &doubtful{of: d.Driver(), dsn: d.dsn}
		db := sql.OpenDB(unsure)
		defer db.Close()
		s := d.storeIn(db)
		d.get(s)

		unsure.end = func(tx driver.Tx) error { unsure.end = nil; return errors.Join(tx.Rollback(), errLost) }
		err := s.Transact(t.Context(), consumer, "1", e.logic("1"))
		require.ErrorIs(t, err, errLost)
		require.ErrorIs(t, err, sqlcursor.ErrUnreachable)
		require.Empty(t, e.read())
		require.NoError(t, s.Transact(t.Context(), consumer, "1", e.logic("1")), "again")

		unsure.end = func(tx driver.Tx) error { unsure.end = nil; return errors.Join(tx.Commit(), errLost) }
		require.NoError(t, s.Transact(t.Context(), consumer, "2", e.logic("2")))
		require.NoError(t, s.SetCursor(t.Context(), consumer, "2"))
		require.Equal(t, once("1", "2"), e.read())

		// Nor can it be found out, as long as the context is done.
		for _, end := range []func(driver.Tx) error{driver.Tx.Commit, driver.Tx.Rollback} {
			ctx, cancel := context.WithCancel(t.Context())
			unsure.end = func(tx driver.Tx) error { unsure.end = nil; cancel(); return errors.Join(end(tx), errLost) }
			require.ErrorIs(t, s.Transact(ctx, consumer, "3", e.logic("3")), context.Canceled)
			require.NoError(t, s.Transact(t.Context(), consumer, "3", e.logic("3")), "again")
			require.NoError(t, s.SetCursor(t.Context(), consumer, "3"))
			require.Equal(t, once("1", "2", "3"), e.read())
			// As it was before.
			e.do("delete from " + e.name + " where event = '3'")
			require.NoError(t, s.Reset(t.Context(), sqlcursor.Key{Consumer: consumer}, "2"))
			d.get(s)
		}
	})
}
