package sqltest_test

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

const consumer = "billing"

// effects is a table in which the logic counts, in a row per event: what is done twice is seen.
type effects struct {
	*database
	name string
}

func (d *database) effects() effects {
	d.t.Helper()
	e := effects{database: d, name: d.name("effects")}
	d.do("create table " + e.name + " (event varchar(20) not null primary key, times bigint not null)")
	return e
}

// apply does what an event does, in its transaction.
func (e effects) apply(ctx context.Context, tx *sql.Tx, event string) error {
	_, err := tx.ExecContext(ctx, applyStatement(e.dialect, e.name), event)
	return err
}

// logic is apply for Transact.
func (e effects) logic(event string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error { return e.apply(ctx, tx, event) }
}

func applyStatement(dialect sqlcursor.Dialect, table string) string {
	conflict := " on conflict (event) do update set times = " + table + ".times + 1"
	if dialect == sqlcursor.MySQL {
		conflict = " on duplicate key update times = times + 1"
	}
	return placeholders(dialect, "insert into "+table+" (event, times) values (?, 1)"+conflict)
}

// read returns how often each event had its effect.
func (e effects) read() map[string]int {
	e.t.Helper()
	rows, err := e.QueryContext(e.t.Context(), "select event, times from "+e.name)
	require.NoError(e.t, err)
	defer rows.Close()
	all := make(map[string]int)
	for rows.Next() {
		var event string
		var times int
		require.NoError(e.t, rows.Scan(&event, &times))
		all[event] = times
	}
	require.NoError(e.t, rows.Err())
	return all
}

// once is what effects are of events that each happened exactly once.
func once(ids ...string) map[string]int {
	all := make(map[string]int)
	for _, id := range ids {
		all[id] = 1
	}
	return all
}

// numbers returns the IDs of n events, from 1 on, across 9 and 10, 99 and 100.
func numbers(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(i + 1)
	}
	return ids
}

func events(n int) []*reflex.Event {
	all := make([]*reflex.Event, 0, n)
	for _, id := range numbers(n) {
		all = append(all, &reflex.Event{ID: id, ForeignID: id})
	}
	return all
}

// get takes the consumer over.
func (d *database) get(s reflex.CursorStore) string {
	d.t.Helper()
	cursor, err := s.GetCursor(d.t.Context(), consumer)
	require.NoError(d.t, err)
	return cursor
}

// peek returns the consumer's cursor, or "none".
func (d *database) peek() string {
	d.t.Helper()
	e, ok, err := d.storeIn(d.DB).Peek(d.t.Context(), sqlcursor.Key{Consumer: consumer})
	require.NoError(d.t, err)
	if !ok {
		return "none"
	}
	return e.Cursor
}
