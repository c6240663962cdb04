package kafkaharness_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/integration/kafkaharness"
)

// A broker of one's own that is killed and started again has the same address
// and what was acknowledged.
func TestOwnBrokerSurvivesKill(t *testing.T) {
	lab := kafkaharness.New()
	c := lab.Own(t, kafkaharness.Config{})
	topic := c.Topic(t, 1)
	first := &kgo.Record{Topic: topic, Value: []byte("before")}
	require.NoError(t, c.Client(t).ProduceSync(t.Context(), first).FirstErr())

	b := c.Broker(t, 1)
	b.Kill(t)
	b.Start(t)
	c.AwaitBrokers(t)

	second := &kgo.Record{Topic: topic, Value: []byte("after")}
	require.NoError(t, c.Client(t).ProduceSync(t.Context(), second).FirstErr())
	require.Equal(t, first.Offset+1, second.Offset)
	require.Contains(t, b.Shell(t, "ls "+b.PartitionDir(topic, "0")), "00000000000000000000.log")
}
