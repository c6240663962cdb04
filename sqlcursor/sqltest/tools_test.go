package sqltest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

func TestToolsOverruleWhoeverHasTheConsumer(t *testing.T) {
	key := sqlcursor.Key{Consumer: consumer}
	each(t, func(d *database) {
		t, s, tool := d.t, d.created(), d.store()
		require.NoError(t, tool.Delete(t.Context(), key), "of what isn't there")
		entries, err := tool.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, entries)

		var epoch int64
		for _, overrule := range []struct {
			with *sqlcursor.Store
			to   string // "none" is Delete
		}{{tool, "3"}, {tool, ""}, {s, "9"}, {tool, "none"}, {s, "none"}, {tool, "key|eof"}} {
			d.get(s)
			require.NoError(t, s.SetCursor(t.Context(), consumer, "500"))
			before, ok, err := tool.Peek(t.Context(), key)
			require.NoError(t, err)
			require.True(t, ok)
			require.Greater(t, before.Epoch, epoch, "never back")
			require.WithinDuration(t, time.Now(), before.Time, time.Minute)

			want := overrule.to
			if overrule.to == "none" {
				require.NoError(t, overrule.with.Delete(t.Context(), key))
				want = ""
			} else {
				require.NoError(t, overrule.with.Reset(t.Context(), key, overrule.to))
			}
			require.Equal(t, overrule.to, d.peek())
			require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "501"), sqlcursor.ErrSuperseded)
			require.Equal(t, overrule.to, d.peek())
			require.Equal(t, want, d.get(s))
			epoch = before.Epoch + 1
			require.NoError(t, s.Reset(t.Context(), key, "1"))
		}
		require.NoError(t, tool.Reset(t.Context(), sqlcursor.Key{Consumer: "new", Topic: "orders", Partition: 2}, "4"), "of what isn't there")
		got, err := s.For(source{topic: "orders", partition: 2}).GetCursor(t.Context(), "new")
		require.NoError(t, err)
		require.Equal(t, "4", got)
	})
}

// An operator with nothing but SQL.
func TestRowsWrittenByHand(t *testing.T) {
	key := sqlcursor.Key{Consumer: consumer}
	each(t, func(d *database) {
		t, s := d.t, d.created()
		d.get(s)
		require.NoError(t, s.SetCursor(t.Context(), consumer, "7"))

		d.do("update " + d.table + " set " + d.quote("cursor") + " = 'a|b', epoch = epoch + 1 where consumer = 'billing'")
		require.ErrorIs(t, s.SetCursor(t.Context(), consumer, "8"), sqlcursor.ErrSuperseded)
		require.Equal(t, "a|b", d.get(s))

		// Not even then does a former owner come back, whose epoch was 1 too.
		former := d.store()
		d.do("delete from " + d.table)
		d.get(former)
		d.do("delete from " + d.table)
		require.ErrorIs(t, former.SetCursor(t.Context(), consumer, "8"), sqlcursor.ErrSuperseded)
		require.Empty(t, d.get(s))
		require.ErrorIs(t, former.SetCursor(t.Context(), consumer, "8"), sqlcursor.ErrSuperseded)
		require.NoError(t, s.SetCursor(t.Context(), consumer, "1"))

		d.do("update " + d.table + " set " + d.quote("cursor") + " = '%zz'")
		_, err := s.GetCursor(t.Context(), consumer)
		require.ErrorIs(t, err, sqlcursor.ErrCorruptEntry)
		require.True(t, sqlcursor.IsPermanent(err))
		_, _, err = s.Peek(t.Context(), key)
		require.ErrorIs(t, err, sqlcursor.ErrCorruptEntry)
		d.do("update " + d.table + " set consumer = 'a b'")
		entries, err := s.List(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.ErrorIs(t, entries[0].Err, sqlcursor.ErrCorruptEntry)
		require.Equal(t, "a b", entries[0].Key.Consumer)
	})
}
