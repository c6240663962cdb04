package kafkadeadletter_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/kreflex/kreflex/internal/deadlettertest"
	"github.com/kreflex/kreflex/kafkatest"
)

func TestLetters(t *testing.T) {
	deadlettertest.Run(t, func(tb testing.TB) deadlettertest.Kafka {
		tb.Helper()
		broker := kafkatest.Start(tb)
		var topics atomic.Int32
		return deadlettertest.Kafka{
			Opts: broker.Opts(),
			Name: func(testing.TB) string { return fmt.Sprintf("topic-%d", topics.Add(1)) },
		}
	})
}
