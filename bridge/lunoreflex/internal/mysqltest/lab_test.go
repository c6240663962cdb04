package mysqltest_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kreflex/kreflex/bridge/lunoreflex/internal/mysqltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDatabasesOfALab(t *testing.T) {
	lab := new(mysqltest.Lab)
	defer lab.Close()
	first, second := lab.Database(t), lab.Database(t)
	first.CreateEvents(t, "events")
	second.CreateEvents(t, "events")
	first.Exec(t, "insert into events (foreign_id, timestamp, type) values ('a', now(6), 1)")

	count := func(db mysqltest.Database) (n int) {
		require.NoError(t, db.QueryRow("select count(*) from events").Scan(&n))
		return n
	}
	require.Equal(t, 1, count(first))
	require.Zero(t, count(second), "a database of its own")

	var zone string
	require.NoError(t, first.QueryRow("select @@global.time_zone").Scan(&zone))
	require.Equal(t, "+00:00", zone)

	var socket string
	require.NoError(t, first.QueryRow("select @@socket").Scan(&socket))
	require.FileExists(t, socket)
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	lab.Close()
	_, err := os.Stat(socket)
	require.ErrorIs(t, err, os.ErrNotExist, "gone with the lab")
}

func TestALabThatNobodyAskedHasNothingToClose(*testing.T) {
	new(mysqltest.Lab).Close()
}
