package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/kreflex/kreflex/sqlcursor"
)

// lab has a server that the tests of the binary share. It is started for the first that asks.
type lab struct {
	name, advice string
	start        func(context.Context) (*server, error)

	once   sync.Once
	server *server
	err    error
}

// shared returns the server. Where there is none the test is skipped, or fails with SQL_REQUIRED=1.
func (l *lab) shared(tb testing.TB) *server {
	tb.Helper()
	// It outlives the test that asked first.
	l.once.Do(func() { l.server, l.err = l.start(context.WithoutCancel(tb.Context())) })
	if l.err != nil {
		if os.Getenv("SQL_REQUIRED") == "1" {
			tb.Fatalf("SQL_REQUIRED=1, but %s can't be started: %v: %s", l.name, l.err, l.advice)
		}
		tb.Skipf("NOT TESTED: %s can't be started: %v: %s; SQL_REQUIRED=1 makes this a failure", l.name, l.err, l.advice)
	}
	require.NotNil(tb, l.server, "asked for after close")
	return l.server
}

// own returns a server that only this test has, so that it may be killed.
func (l *lab) own(tb testing.TB) *server {
	tb.Helper()
	l.shared(tb) // or skip
	s, err := l.start(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(s.close)
	return s
}

// close ends the server, if there is one.
func (l *lab) close() {
	l.once.Do(func() {}) // nobody starts one any more
	if l.server != nil {
		l.server.close()
	}
}

func (s *server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// database is one for a test, in which tables have names of their own.
type database struct {
	t       testing.TB
	dialect sqlcursor.Dialect
	driver  string
	dsn     string
	table   string // of cursors
	*sql.DB
}

// each runs the test on all databases.
func each(t *testing.T, test func(*database)) {
	t.Helper()
	for _, dialect := range []sqlcursor.Dialect{sqlcursor.SQLite, sqlcursor.PostgreSQL, sqlcursor.MySQL} {
		t.Run(dialect.String(), func(t *testing.T) { test(newDatabase(t, dialect)) })
	}
}

// newDatabase returns one with nothing in it that the test could see.
func newDatabase(tb testing.TB, dialect sqlcursor.Dialect) *database {
	tb.Helper()
	d := &database{t: tb, dialect: dialect}
	switch dialect {
	case sqlcursor.PostgreSQL:
		s := postgres.shared(tb)
		d.driver, d.dsn = s.driver, s.dsn
	case sqlcursor.MySQL:
		s := mariadb.shared(tb)
		d.driver, d.dsn = s.driver, s.dsn
	default:
		d.driver, d.dsn = "sqlite", sqliteDSN(filepath.Join(tb.TempDir(), "db"))
	}
	d.table = d.name("cursors")
	d.DB = d.open()
	return d
}

func sqliteDSN(file string) string {
	return "file:" + file + "?_pragma=journal_mode(wal)&_pragma=synchronous(off)&_txlock=immediate"
}

// name returns a name that nothing else in the database has.
func (d *database) name(prefix string) string { return fmt.Sprintf("%s_%016x", prefix, rand.Uint64()) }

// open returns another pool of connections, as another process has it.
func (d *database) open() *sql.DB {
	d.t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = db.Close() })
	return db
}

// store returns another Store on the table, as another process has it.
func (d *database) store(opts ...sqlcursor.Option) *sqlcursor.Store {
	d.t.Helper()
	return d.storeIn(d.open(), opts...)
}

func (d *database) storeIn(db *sql.DB, opts ...sqlcursor.Option) *sqlcursor.Store {
	d.t.Helper()
	s, err := sqlcursor.Open(db, d.dialect, append([]sqlcursor.Option{sqlcursor.WithTable(d.table)}, opts...)...)
	require.NoError(d.t, err)
	return s
}

// created returns a Store whose table is there.
func (d *database) created(opts ...sqlcursor.Option) *sqlcursor.Store {
	d.t.Helper()
	s := d.store(opts...)
	require.NoError(d.t, s.Create(d.t.Context()))
	return s
}

// do runs a statement, whose arguments are written as question marks.
func (d *database) do(statement string, args ...any) {
	d.t.Helper()
	_, err := d.ExecContext(d.t.Context(), placeholders(d.dialect, statement), args...)
	require.NoError(d.t, err, statement)
}

// begin begins a transaction, which is rolled back in the end.
func (d *database) begin() *sql.Tx {
	d.t.Helper()
	tx, err := d.BeginTx(context.WithoutCancel(d.t.Context()), nil)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// placeholders writes the arguments of a statement as the database has them.
func placeholders(d sqlcursor.Dialect, statement string) string {
	if d != sqlcursor.PostgreSQL {
		return statement
	}
	var numbered []byte
	n := 0
	for _, c := range []byte(statement) {
		if c == '?' {
			n++
			numbered = fmt.Appendf(numbered, "$%d", n)
			continue
		}
		numbered = append(numbered, c)
	}
	return string(numbered)
}
