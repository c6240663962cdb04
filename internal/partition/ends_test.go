package partition

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkatest"
)

// One of two brokers accepts connections and never answers. The lag of what the other one leads is known all the same.
func TestASilentBrokerHidesNoOtherEnds(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithBrokers(2), kafkatest.WithTopic("orders", 4))
	cluster := broker.Cluster()
	writer, err := kgo.NewClient(append(broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	defer writer.Close()
	for p := range int32(4) {
		require.NoError(t, cluster.MoveTopicPartition("orders", p, p%2))
		require.NoError(t, writer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: p, Value: []byte("x")}).FirstErr())
	}
	silent := make(chan struct{})
	defer close(silent)
	cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() == 1 {
			cluster.SleepControl(func() { <-silent })
		}
		return nil, nil, false
	})
	client, err := kafka.NewClient(broker.Opts())
	require.NoError(t, err)
	defer client.Close()

	// Not with each look: which broker is asked for the leaders kgo chooses, and it may be the silent one.
	require.Eventually(t, func() bool {
		ranges, err := Ends(t.Context(), client, "orders", []int32{0, 1, 2, 3})
		known := Range{LastStable: 1, HighWatermark: 1}
		return err == nil && ranges[0] == known && ranges[2] == known && ranges[1].Err != nil && ranges[3].Err != nil
	}, time.Minute, time.Millisecond)
}
