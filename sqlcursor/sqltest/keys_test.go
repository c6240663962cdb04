package sqltest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

// source is a log of any name.
type source struct {
	topic     string
	partition int32
}

func (s source) Topic() string                 { return s.topic }
func (s source) Partition() int32              { return s.partition }
func (s source) Stamp() func(id string) string { return func(id string) string { return id } }

// Databases fold case, accents and spaces at the end, and cut what is too long. Not here.
func TestCursorsOfDifferentKeysAreApart(t *testing.T) {
	each(t, func(d *database) {
		t, s := d.t, d.created()
		names := []string{
			"a", "A", "a ", " a", "a\t", "a\x00", "á", "a\u0301", "ａ", "\xff", "\xfe", "a%20", "a%2520", "a/b", "a_", "a.", "ß", "ss",
			strings.Repeat("x", 1000), strings.Repeat("x", 999), strings.Repeat("x", 999) + "X", strings.Repeat("é", 166),
		}
		topics := []string{"", "a", "A", "a ", strings.Repeat("x", 255)}
		want := make(map[sqlcursor.Key]string)
		for _, name := range names {
			for _, topic := range topics {
				key := sqlcursor.Key{Consumer: name, Topic: topic}
				if topic != "" {
					key.Partition = 7
				}
				want[key] = fmt.Sprint(len(want))
			}
		}
		want[sqlcursor.Key{Consumer: "a", Topic: "a", Partition: 1<<31 - 1}] = "last"
		cursors := func(key sqlcursor.Key) *sqlcursor.Cursors {
			if key.Topic == "" {
				return s.Bind(nil)
			}
			return s.Bind(source{topic: key.Topic, partition: key.Partition})
		}
		for key, cursor := range want {
			require.NoError(t, cursors(key).SetCursor(t.Context(), key.Consumer, cursor))
		}
		for key, cursor := range want {
			got, err := cursors(key).GetCursor(t.Context(), key.Consumer)
			require.NoError(t, err)
			require.Equal(t, cursor, got, "%q", key)
		}
		entries, err := s.List(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, len(want))
		for i, entry := range entries {
			require.NoError(t, entry.Err)
			require.Equal(t, want[entry.Key], entry.Cursor)
			if i > 0 {
				require.LessOrEqual(t, entries[i-1].Key.Consumer, entry.Key.Consumer)
			}
		}
	})
}

func TestWhatIsTooLongIsRefusedAndNeverCut(t *testing.T) {
	each(t, func(d *database) {
		t, s := d.t, d.created()
		_, err := s.GetCursor(t.Context(), strings.Repeat("x", 1001))
		require.ErrorIs(t, err, sqlcursor.ErrBadKey)
		_, err = s.GetCursor(t.Context(), "")
		require.ErrorIs(t, err, sqlcursor.ErrBadName)
		_, err = s.For(source{topic: strings.Repeat("x", 256)}).GetCursor(t.Context(), consumer)
		require.ErrorIs(t, err, sqlcursor.ErrBadKey)
		_, err = s.For(source{}).GetCursor(t.Context(), consumer)
		require.ErrorIs(t, err, sqlcursor.ErrBadKey)
		_, err = s.For(source{topic: "a", partition: -1}).GetCursor(t.Context(), consumer)
		require.ErrorIs(t, err, sqlcursor.ErrBadKey)

		d.get(s)
		for _, cursor := range []string{"", strings.Repeat("1", 4097), strings.Repeat(" ", 1366)} {
			err := s.SetCursor(t.Context(), consumer, cursor)
			require.ErrorIs(t, err, sqlcursor.ErrBadCursor)
			require.ErrorContains(t, err, consumer)
			require.True(t, sqlcursor.IsPermanent(err))
		}
		require.ErrorIs(t, s.Reset(t.Context(), sqlcursor.Key{Consumer: consumer}, strings.Repeat("1", 4097)), sqlcursor.ErrBadCursor)
		long := strings.Repeat("9", 4096)
		require.NoError(t, s.SetCursor(t.Context(), consumer, long))
		require.Equal(t, long, d.peek())
	})
}

// Each on a Store that knows nothing of the row, so that it is the database that compares.
func TestACursorNeverGoesBackInTheDatabase(t *testing.T) {
	each(t, func(d *database) {
		t, key := d.t, sqlcursor.Key{Consumer: consumer}
		d.created()
		huge := strings.Repeat("9", 40)
		for _, c := range []struct {
			was, set string
			fits     bool
		}{
			{"9", "10", true},
			{"10", "9", false},
			{"99@log:1", "100", true},
			{"100@log:1", "99", false},
			{"0", "1", true},
			{"1", "0", false},
			{huge, "1" + huge, true},
			{"1" + huge, huge, false},
			{"", "0", true},
			{"-1", "0", true},
			{"007", "1", true}, // no number, so without order
			{"7x", "1", true},
			{"text", "1", true},
			{"9", "text", true},
			{"9", "-1", true},
		} {
			s := d.store()
			require.NoError(t, s.Delete(t.Context(), key))
			d.get(s)
			// In a transaction beside it, of which the Store knows nothing.
			d.do("update "+d.table+" set "+d.quote("cursor")+" = ? where consumer = ?", c.was, consumer)
			err := s.SetCursor(t.Context(), consumer, c.set)
			tx := d.begin()
			txErr := s.SetCursorTx(t.Context(), tx, consumer, c.set)
			require.NoError(t, tx.Rollback())
			if c.fits {
				require.NoError(t, err, "%+v", c)
				require.Equal(t, c.set, d.peek())
				require.ErrorIs(t, txErr, sqlcursor.ErrAlreadySet)
				continue
			}
			require.ErrorIs(t, err, sqlcursor.ErrCursorRegression, "%+v", c)
			require.ErrorIs(t, txErr, sqlcursor.ErrCursorRegression, "%+v", c)
			require.Equal(t, c.was, d.peek())
		}
	})
}

// quote writes a name that is a word of SQL.
func (d *database) quote(name string) string {
	if d.dialect == sqlcursor.MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}
