package sqltest_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The servers of these tests.
var (
	postgres = &lab{name: "PostgreSQL", advice: "install postgresql", start: startPostgres}
	mariadb  = &lab{name: "MariaDB", advice: "install mariadb-server", start: startMariaDB}
)

func TestMain(m *testing.M) {
	if os.Getenv(envVictim) != "" {
		os.Exit(victim())
	}
	goleak.VerifyTestMain(runner{m})
}

// runner ends the servers before goroutines are looked for.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	defer postgres.close()
	defer mariadb.close()
	return r.m.Run()
}
