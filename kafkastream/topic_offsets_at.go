package kafkastream

import (
	"context"
	"time"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// OffsetsAt asks the brokers where each log of the topic was at a time: the index is the number of the partition, and
// the offset that of the first record written at that time or later. Where there is none it is
// the last stable offset, so the next record to come. It returns the errors of Shape.
//
// The time of a record is the one it carries, in milliseconds: that of its event, unless the topic has
// message.timestamp.type=LogAppendTime. Where those don't grow with the offsets, older records
// may be behind the offset, and never is a younger one before it. The offset may be that of a record that
// isn't delivered, as it was aborted.
func (t *Topic) OffsetsAt(ctx context.Context, at time.Time) ([]int64, error) {
	var offsets []int64
	err := t.ask(ctx, func(ctx context.Context, client *kafka.Client) error {
		shape, err := t.shape(ctx, client)
		if err != nil {
			return err
		}
		// Before the times: what is not found below an end that was seen earlier comes after it.
		ranges, err := partition.Ranges(ctx, client, t.name, shape.Partitions)
		if err != nil {
			return err
		}
		offsets, err = partition.Times(ctx, client, t.name, shape.Partitions, millisecondsOf(at))
		for p := range offsets {
			if offsets[p] == partition.NoOffset {
				offsets[p] = ranges[p].LastStable
			}
		}
		return err
	})
	return offsets, err
}

// millisecondsOf rounds a time down to what records have, as that is what became of the times of events: up would skip
// one of that very time. Negative numbers mean something else to brokers, and no record is older than 1970.
func millisecondsOf(at time.Time) int64 { return max(at.UnixMilli(), 0) }
