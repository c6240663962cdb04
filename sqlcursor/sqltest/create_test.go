package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

func TestAMissingTableSaysToCallCreate(t *testing.T) {
	each(t, func(d *database) {
		t, s, key := d.t, d.store(), sqlcursor.Key{Consumer: consumer}
		_, getErr := s.GetCursor(t.Context(), consumer)
		_, _, peekErr := s.Peek(t.Context(), key)
		_, listErr := s.List(t.Context())
		require.NoError(t, s.Create(t.Context()))
		d.get(s)
		d.do("drop table " + d.table)
		tx := d.begin()
		txErr := s.SetCursorTx(t.Context(), tx, consumer, "1")
		require.NoError(t, tx.Rollback())
		for _, err := range []error{
			getErr, peekErr, listErr, txErr,
			s.SetCursor(t.Context(), consumer, "1"), s.Reset(t.Context(), key, "1"), s.Delete(t.Context(), key),
			s.Transact(t.Context(), consumer, "1", func(context.Context, *sql.Tx) error { return nil }),
		} {
			require.ErrorIs(t, err, sqlcursor.ErrSchema)
			require.ErrorContains(t, err, "call Create")
			require.ErrorContains(t, err, d.table)
			require.True(t, sqlcursor.IsPermanent(err))
		}
		require.NoError(t, s.Create(t.Context()))
		d.get(s)
	})
}

func TestCreateByManyAtOnceKeepsWhatIsThere(t *testing.T) {
	each(t, func(d *database) {
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			s := d.store()
			wg.Go(func() { errs[i] = s.Create(d.t.Context()) })
		}
		wg.Wait()
		require.NoError(d.t, errors.Join(errs...))

		s := d.store()
		d.get(s)
		require.NoError(d.t, s.SetCursor(d.t.Context(), consumer, "1"))
		require.NoError(d.t, s.Create(d.t.Context()))
		require.Equal(d.t, "1", d.peek())
		entries, err := s.List(d.t.Context())
		require.NoError(d.t, err)
		require.Len(d.t, entries, 1, "nothing is left of trying it out")
	})
}

// Tables that would mix up or lose cursors, as somebody may have made them.
func TestCreateRefusesATableThatIsNotFit(t *testing.T) {
	each(t, func(d *database) {
		schema, err := sqlcursor.Schema(d.dialect, d.table)
		require.NoError(d.t, err)
		replace := func(old, with string) string {
			d.t.Helper()
			require.Contains(d.t, schema, old)
			return strings.ReplaceAll(schema, old, with)
		}
		q := d.quote
		key := ",\n\tprimary key (" + q("consumer") + ", " + q("topic") + ", " + q("partition") + ")"
		tables := map[string]string{
			"no key":    replace(key, ""),
			"no column": replace("\t"+q("epoch"), "\t"+q("age")),
		}
		switch d.dialect {
		case sqlcursor.PostgreSQL:
			d.do(`create collation if not exists folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
			tables["folds"] = replace(`varchar(1000) collate "C"`, `varchar(1000) collate folding`)
			tables["cuts"] = replace("varchar(4096)", "varchar(100)")
		case sqlcursor.MySQL:
			tables["folds"] = replace("character set ascii collate ascii_bin", "character set ascii collate ascii_general_ci")
			tables["cuts"] = replace("varchar(4096)", "varchar(100)")
			tables["no transactions"] = strings.Replace(
				strings.Replace(schema, "InnoDB", "MyISAM", 1), "varchar(1000)", "varchar(700)", 1)
			tables["no transactions, room enough"] = replace("InnoDB", "Aria")
		default:
			tables["folds"] = replace(q("consumer")+" text", q("consumer")+" text collate nocase")
		}
		for name, table := range tables {
			d.do(table)
			err := d.store().Create(d.t.Context())
			require.ErrorIs(d.t, err, sqlcursor.ErrSchema, name)
			require.True(d.t, sqlcursor.IsPermanent(err))
			var n int
			require.NoError(d.t, d.QueryRow("select count(*) from "+d.table).Scan(&n))
			require.Zero(d.t, n, name)
			d.do("drop table " + d.table)
		}
	})
}

func TestNotAuthorised(t *testing.T) {
	d := newDatabase(t, sqlcursor.PostgreSQL)
	d.created()
	role := d.name("reader")
	d.do("create role " + role)
	d.do("grant select on " + d.table + " to " + role)
	db := d.open()
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), "set role "+role)
	require.NoError(t, err)
	s := d.storeIn(db)
	_, err = s.GetCursor(t.Context(), consumer)
	require.ErrorIs(t, err, sqlcursor.ErrNotAuthorised)
	require.ErrorIs(t, s.Create(t.Context()), sqlcursor.ErrNotAuthorised)
	require.True(t, sqlcursor.IsPermanent(err))
	_, _, err = s.Peek(t.Context(), sqlcursor.Key{Consumer: consumer})
	require.NoError(t, err)
}
