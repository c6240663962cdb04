package kafka

import (
	"context"
	"time"
)

// AwaitPartition returns when EndTransaction can see the partition, to which a
// record was produced and acknowledged. Call it between the two for each partition.
//
// Records that a client produces first wait for the topic's metadata. kgo sends them
// before it stores what it then knows of the partitions, so a broker may have
// acknowledged them before that. EndTransaction looks at what is stored: it finds no
// partition with records, aborts instead of committing, and returns no error.
func (c *Client) AwaitPartition(ctx context.Context, topic string, partition int32) error {
	const pause = 200 * time.Microsecond
	for {
		leader, _, err := c.PartitionLeader(topic, partition)
		if err != nil || leader >= 0 {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
