package mysqltest

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lab has the server that the tests of a binary share. It is started for the first that asks.
type Lab struct {
	once   sync.Once
	server *server
	err    error
}

// Close ends the server, if there is one.
func (l *Lab) Close() {
	l.once.Do(func() {}) // nobody starts one any more
	if l.server != nil {
		l.server.close()
	}
}

// Database is an empty database that nobody else uses.
type Database struct {
	*sql.DB
	// DSN is how a program of its own connects, as the driver for MySQL understands it.
	DSN string
}

// Database returns a new database, which is dropped after the test. Where there is no MariaDB the test is
// skipped, or fails with MYSQL_REQUIRED=1 or KAFKA_REQUIRED=1.
func (l *Lab) Database(tb testing.TB) Database {
	tb.Helper()
	if _, _, err := binaries(); err != nil {
		unavailable(tb, err)
	}
	// It outlives the test that asked first.
	l.once.Do(func() { l.server, l.err = start(context.WithoutCancel(tb.Context())) })
	require.NoError(tb, l.err, "start MariaDB")
	require.NotNil(tb, l.server, "asked for after Close")

	admin, err := l.server.open("")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = admin.Close() })
	name := fmt.Sprintf("test_%08x", rand.Uint32())
	// On Kafka names of consumers differ by case and by spaces, so they do here.
	_, err = admin.ExecContext(tb.Context(), "create database "+name+" character set utf8mb4 collate utf8mb4_nopad_bin")
	require.NoError(tb, err)
	tb.Cleanup(func() { _, _ = admin.Exec("drop database " + name) })

	db, err := l.server.open(name)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return Database{DB: db, DSN: l.server.config(name).FormatDSN()}
}

func unavailable(tb testing.TB, why error) {
	tb.Helper()
	const advice = "install mariadb-server"
	for _, env := range []string{"MYSQL_REQUIRED", "KAFKA_REQUIRED"} {
		if os.Getenv(env) == "1" {
			tb.Fatalf("%s=1, but %v: %s", env, why, advice)
		}
	}
	tb.Skipf("NOT TESTED: %v: %s; MYSQL_REQUIRED=1 makes this a failure", why, advice)
}

// Exec runs statements.
func (d Database) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		_, err := d.ExecContext(tb.Context(), s)
		require.NoError(tb, err, s)
	}
}

// CreateEvents makes a table of events as rsql has them by default, with metadata.
func (d Database) CreateEvents(tb testing.TB, name string) {
	tb.Helper()
	d.Exec(tb, "create table "+name+` (
		id bigint not null auto_increment,
		foreign_id varchar(255) not null,
		timestamp datetime(6) not null,
		type int not null,
		metadata mediumblob null,
		trace blob null,
		primary key (id)
	)`)
}

// CreateCursors makes a table of cursors as rsql has them by default, with room for long names.
func (d Database) CreateCursors(tb testing.TB, name string) {
	tb.Helper()
	d.Exec(tb, "create table "+name+` (
		id varchar(700) not null,
		last_event_id bigint not null,
		updated_at datetime(6) not null,
		primary key (id)
	)`)
}
