package partition

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partitions that are missing in an answer, or have an error, are asked again; those that nobody asked for are passed over.
func TestTimesAreTakenPartitionByPartition(t *testing.T) {
	answer := func(partition int32, offset int64, code int16) kmsg.ListOffsetsResponseTopicPartition {
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Partition, p.Offset, p.ErrorCode = partition, offset, code
		return p
	}
	response := func(topic string, partitions ...kmsg.ListOffsetsResponseTopicPartition) *kmsg.ListOffsetsResponse {
		t := kmsg.NewListOffsetsResponseTopic()
		t.Topic, t.Partitions = topic, partitions
		return &kmsg.ListOffsetsResponse{Topics: []kmsg.ListOffsetsResponseTopic{t}}
	}
	offsets := make([]int64, 3)
	left, err := takeTimes(response("orders", answer(1, 7, 0), answer(2, -1, kerr.NotLeaderForPartition.Code), answer(9, 1, 0)), "orders", []int32{0, 1, 2}, offsets)
	require.Equal(t, []int32{0, 2}, left)
	require.ErrorIs(t, err, kerr.NotLeaderForPartition)
	left, err = takeTimes(response("others", answer(0, 7, 0)), "orders", left, offsets)
	require.Equal(t, []int32{0, 2}, left)
	require.ErrorIs(t, err, errNoAnswer)
	left, err = takeTimes(response("orders", answer(0, 3, 0), answer(2, NoOffset, 0)), "orders", left, offsets)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, []int64{3, 7, NoOffset}, offsets)
}
