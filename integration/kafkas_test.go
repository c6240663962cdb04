package integration_test

import (
	"testing"

	"github.com/kreflex/kreflex/integration/kafkaharness"
)

// kafka is an Apache Kafka that the contracts are checked on.
type kafka struct {
	name    string
	cluster func(testing.TB) *kafkaharness.Cluster
}

func kafkas() []kafka {
	return []kafka{{"one broker", oneBroker}, {"three brokers", threeBrokers}, {"an older release", lab.Old}}
}

func oneBroker(tb testing.TB) *kafkaharness.Cluster {
	tb.Helper()
	return lab.Cluster(tb, 1)
}

func threeBrokers(tb testing.TB) *kafkaharness.Cluster {
	tb.Helper()
	return lab.Cluster(tb, 3)
}
