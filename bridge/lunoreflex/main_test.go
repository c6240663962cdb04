package lunoreflex_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kreflex/kreflex/bridge/lunoreflex/internal/mysqltest"
)

// mysql has the databases of these tests.
var mysql = new(mysqltest.Lab)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(runner{m},
		// What luno/reflex never ends.
		goleak.IgnoreAnyFunction("github.com/luno/reflex/rpatterns.(*ConcurrentConsumer).updateCursorForever"),
		goleak.IgnoreAnyFunction("github.com/luno/reflex/rsql.(*ctable).flushForever"),
	)
}

// runner ends the server before goroutines are looked for.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	defer mysql.Close()
	return r.m.Run()
}
