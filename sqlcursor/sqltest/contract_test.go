package sqltest_test

import (
	"strings"
	"testing"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
	"github.com/kreflex/kreflex/sqlcursor"
)

func TestStoreKeepsTheContract(t *testing.T) {
	for _, dialect := range []sqlcursor.Dialect{sqlcursor.SQLite, sqlcursor.PostgreSQL, sqlcursor.MySQL} {
		t.Run(dialect.String(), func(t *testing.T) {
			t.Run("unbound", func(t *testing.T) { reflextest.RunCursorStoreTests(t, harness(dialect, nil, nil)) })
			t.Run("bound", func(t *testing.T) { reflextest.RunCursorStoreTests(t, harness(dialect, log{}, nil)) })
			t.Run("stamped", func(t *testing.T) {
				same := func(set, got string) bool {
					id, stamp, _ := strings.Cut(got, "@")
					return set == id && (id == "" || stamp == "id:4")
				}
				reflextest.RunCursorStoreTests(t, harness(dialect, log{stamp: "@id:4"}, same))
			})
		})
	}
}

func harness(dialect sqlcursor.Dialect, of sqlcursor.Log, same func(string, string) bool) reflextest.CursorStoreHarness {
	return reflextest.CursorStoreHarness{
		New: func(tb testing.TB) reflextest.CursorBackend {
			tb.Helper()
			d := newDatabase(tb, dialect)
			d.created()
			open := func(tb testing.TB) reflex.CursorStore {
				tb.Helper()
				if of == nil {
					return d.store()
				}
				return d.store().For(of)
			}
			return reflextest.CursorBackend{Store: open(tb), Reopen: open}
		},
		StringCursors:  same == nil,
		ReadYourWrites: true,
		Monotonic:      true,
		Same:           same,
	}
}

// log is a log whose cursors carry a fixed stamp.
type log struct{ stamp string }

func (log) Topic() string    { return "orders" }
func (log) Partition() int32 { return 0 }

func (l log) Stamp() func(string) string {
	return func(id string) string { return id + l.stamp }
}
