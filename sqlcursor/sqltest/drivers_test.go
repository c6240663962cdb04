package sqltest_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

// Drivers may prepare statements, or write the arguments into them; MySQL may count the rows that it found in
// place of those that it changed; a pool may have one connection.
func TestAnyWayToConnect(t *testing.T) {
	each(t, func(d *database) {
		more := map[sqlcursor.Dialect][]string{
			sqlcursor.PostgreSQL: {"", " default_query_exec_mode=simple_protocol", " default_query_exec_mode=exec", " default_query_exec_mode=describe_exec"},
			sqlcursor.MySQL: {
				"", "?interpolateParams=true", "?clientFoundRows=true", "?parseTime=true&loc=Local", "?charset=latin1", "?charset=utf8",
				"?sql_mode=%27ANSI_QUOTES,NO_BACKSLASH_ESCAPES%27", "?sql_mode=%27%27", "?tx_isolation=%27READ-COMMITTED%27", "?tx_isolation=%27SERIALIZABLE%27",
			},
			sqlcursor.SQLite: {"", "&_pragma=busy_timeout(5000)", "&_time_format=sqlite"},
		}
		d.created()
		e := d.effects()
		for _, options := range more[d.dialect] {
			t := d.t
			db, err := sql.Open(d.driver, d.dsn+options)
			require.NoError(t, err)
			db.SetMaxOpenConns(1)
			s := d.storeIn(db)
			key := sqlcursor.Key{Consumer: consumer}
			require.NoError(t, s.Create(t.Context()), options)
			require.NoError(t, s.Reset(t.Context(), key, "été 訂單 🧾"), options)
			require.Equal(t, "été 訂單 🧾", d.get(s), options)
			for _, cursor := range []string{"été 訂單 🧾", "a", "9", "10", "10"} {
				require.NoError(t, s.SetCursor(t.Context(), consumer, cursor), options)
			}
			require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "9"), sqlcursor.ErrCursorRegression, options)
			for range 2 {
				require.NoError(t, s.Transact(t.Context(), consumer, "11", e.logic("11")), options)
			}
			require.NoError(t, s.SetCursor(t.Context(), consumer, "11"), options)
			require.Equal(t, once("11"), e.read(), options)
			entries, err := s.List(t.Context())
			require.NoError(t, err, options)
			require.Len(t, entries, 1, options)
			require.NoError(t, s.Delete(t.Context(), key), options)
			require.NoError(t, db.Close())
			e.do("delete from " + e.name)
		}
	})
}
