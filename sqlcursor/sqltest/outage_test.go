package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/sqlcursor"
)

// The server is killed in the middle of the work, and started again: all that was committed is there, and only that.
func TestEffectsAreExactlyOnceThoughTheServerIsKilled(t *testing.T) {
	for _, hand := range []bool{false, true} {
		t.Run(fmt.Sprintf("SetCursorTx %v", hand), func(t *testing.T) {
			server := postgres.own(t)
			d := &database{t: t, dialect: sqlcursor.PostgreSQL, driver: server.driver, dsn: server.dsn, table: "cursors"}
			d.DB = d.open()
			d.created()
			e := d.effects()
			o := orders{Dialect: d.dialect, Cursors: d.table, Effects: e.name, Events: 3000, ByHand: hand}

			done := make(chan struct{})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			go func() {
				defer close(done)
				o.consume(ctx, d.DB, d.storeIn(d.DB, sqlcursor.WithTimeout(time.Second)))
			}()
			for range 4 {
				seen := len(e.read())
				require.Eventually(t, func() bool { return len(e.read()) >= min(seen+100, o.Events) }, time.Minute, 5*time.Millisecond)
				server.kill()
				require.NoError(t, server.awaitReady(t.Context()))
				awaitConnection(t, d.DB)
			}
			<-done
			require.NoError(t, ctx.Err(), "it took too long")
			require.Equal(t, once(numbers(o.Events)...), e.read())
			require.Equal(t, fmt.Sprint(o.Events), d.peek())
		})
	}
}

// A server that isn't there is no permanent error.
func TestAServerThatIsGone(t *testing.T) {
	server := postgres.own(t)
	d := &database{t: t, dialect: sqlcursor.PostgreSQL, driver: server.driver, dsn: server.dsn, table: "cursors"}
	d.DB = d.open()
	s := d.created()
	d.get(s)
	server.kill()
	err := s.SetCursor(t.Context(), consumer, "1")
	require.ErrorIs(t, err, sqlcursor.ErrUnreachable)
	require.False(t, sqlcursor.IsPermanent(err))
	require.ErrorIs(t, s.Transact(t.Context(), consumer, "1", func(context.Context, *sql.Tx) error { return nil }), sqlcursor.ErrUnreachable)
	require.NoError(t, server.awaitReady(t.Context()))
	awaitConnection(t, d.DB)
	require.NoError(t, s.SetCursor(t.Context(), consumer, "1"), "the ownership is in the row")
}

// awaitConnection waits until the pool has got over what it kept of the server before.
func awaitConnection(tb testing.TB, db *sql.DB) {
	tb.Helper()
	require.Eventually(tb, func() bool { return db.PingContext(tb.Context()) == nil }, time.Minute, 5*time.Millisecond)
}
