package partition

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Of three brokers one doesn't answer, and one has lost a partition to another. The lag of what the others lead is known all
// the same.
func TestASilentBrokerHidesNoOtherEnds(t *testing.T) {
	answer := func(topic string, partition int32, offset int64, code int16) kgo.ResponseShard {
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Partition, p.Offset, p.ErrorCode = partition, offset, code
		answered := kmsg.NewListOffsetsResponseTopic()
		answered.Topic, answered.Partitions = topic, []kmsg.ListOffsetsResponseTopicPartition{p}
		return kgo.ResponseShard{Resp: &kmsg.ListOffsetsResponse{Topics: []kmsg.ListOffsetsResponseTopic{answered}}}
	}
	ranges := map[int32]Range{0: {}, 1: {LastStable: -1}, 2: {LastStable: -1}}
	silent := takeEnds([]kgo.ResponseShard{
		{Err: errSilent},
		answer("orders", 0, 7, 0),
		answer("orders", 2, -1, kerr.NotLeaderForPartition.Code),
		answer("others", 1, 3, 0), answer("orders", 9, 3, 0), // nobody asked
	}, "orders", func(r *Range) *int64 { return &r.LastStable }, ranges)
	require.ErrorIs(t, silent, errSilent)
	require.Equal(t, map[int32]Range{
		0: {LastStable: 7}, 1: {LastStable: -1}, 2: {LastStable: -1, Err: kerr.NotLeaderForPartition},
	}, ranges)
}
