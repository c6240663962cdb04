package partition

import (
	"context"

	"github.com/kreflex/kreflex/internal/kafka"
)

// Shape returns the ID of a topic and how many partitions it has. It retries faults that pass until ctx is done, and
// returns what Describe does.
func Shape(ctx context.Context, cl *kafka.Client, topic string) (id [16]byte, partitions int32, err error) {
	// Each topic has a partition 0, so whatever is wrong with the topic is wrong with that.
	tr := tracker{cl: cl, log: Log{Topic: topic, Leader: -1, LeaderEpoch: -1}, patience: missingAtOpen}
	if err := tr.locate(ctx); err != nil {
		return id, 0, err
	}
	return tr.log.TopicID, int32(tr.count), nil
}
