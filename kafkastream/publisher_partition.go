package kafkastream

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partitionCount remembers how many partitions the topic had when kgo last
// asked for a choice, to tell an impossible WithPartition from other failures:
// kgo's error for it can't be told apart.
type partitionCount struct{ n atomic.Int64 }

// partitioner sends every record to one partition.
func (c *partitionCount) partitioner(partition int32) kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(_ *kgo.Record, n int) int {
			c.n.Store(int64(n))
			return int(partition)
		}
	})
}

// lacks reports that the topic is known to have no such partition.
func (c *partitionCount) lacks(partition int32) (count int64, yes bool) {
	count = c.n.Load()
	return count, count > 0 && int64(partition) >= count
}
