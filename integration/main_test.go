// Package integration_test shows on real Apache Kafka what the library claims.
package integration_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/kreflex/kreflex/integration/kafkaharness"
)

// lab has the clusters that tests share.
var lab = kafkaharness.New()

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(runner{m},
		// What luno/reflex never ends.
		goleak.IgnoreAnyFunction("github.com/luno/reflex/rpatterns.(*ConcurrentConsumer).updateCursorForever"))
}

// runner removes the containers before goroutines are looked for.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	code := r.m.Run()
	if err := lab.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "remove clusters:", err)
		return max(code, 1)
	}
	return code
}
