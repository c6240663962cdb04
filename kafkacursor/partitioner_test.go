package kafkacursor

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// The partition of a key is part of the format, so it is pinned by value as well.
func TestPartitionOfAKeyNeverChanges(t *testing.T) {
	for key, want := range map[string]int32{"a": 4, "ab": 4, "abc": 2, "billing": 1, "billing/orders/0": 0} {
		require.Equal(t, want, partitionOf(key, 5), key)
	}
	require.Zero(t, partitionOf("billing", 1))
}

func TestPartitionIsThatOfKafkasOwnProducer(t *testing.T) {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("cursors")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.Int32Range(1, 100).Draw(t, "partitions")
		if got, want := partitionOf(string(key), n), partitioner.Partition(&kgo.Record{Key: key}, int(n)); int(got) != want {
			t.Fatalf("got %d, Kafka's is %d", got, want)
		}
	})
}
