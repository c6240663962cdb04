package integration_test

import (
	"testing"
	"time"

	"github.com/kreflex/kreflex/integration/kafkaharness"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// secured is a cluster with users and ACLs, shared by the tests of this file.
func secured(t *testing.T) *kafkaharness.Cluster {
	t.Helper()
	return lab.Secured(t)
}

// accessErrors are those of somebody who may not.
func accessErrors() []provocation {
	stream := func(user, password string) func(*testing.T) (time.Duration, error) {
		return func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := secured(t)
			topic := cluster.Topic(t, 1)
			return timed(func() error {
				return firstError(t.Context(), kafkastream.NewPartition(cluster.OptsAs(user, password), topic, 0), "")
			})
		}
	}
	open := func(user, password string) func(*testing.T) (time.Duration, error) {
		return func(t *testing.T) (time.Duration, error) {
			t.Helper()
			cluster := secured(t)
			topic := cluster.Topic(t, 1, "cleanup.policy", "compact")
			return timed(func() error {
				_, err := kafkacursor.Open(t.Context(), cluster.OptsAs(user, password), topic)
				return err
			})
		}
	}
	return []provocation{
		{"access: stream without ACL", kafkastream.ErrNotAuthorised, atOnce, stream(kafkaharness.Nobody, "")},
		{"access: stream with wrong password", kafkastream.ErrNotAuthorised, atOnce, stream(kafkaharness.Admin, "wrong")},
		{"access: store without ACL", kafkacursor.ErrNotAuthorised, atOnce, open(kafkaharness.Nobody, "")},
		{"access: store with wrong password", kafkacursor.ErrNotAuthorised, atOnce, open(kafkaharness.Admin, "wrong")},
	}
}
