package partition

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// NoOffset is the offset of a record that there is not.
const NoOffset = -1

// Times returns, for each of the first n partitions of a topic, the offset of the first committed record whose timestamp is
// at least that many milliseconds since 1970, or NoOffset. It asks again until all of them have answered.
func Times(ctx context.Context, cl *kafka.Client, topic string, n int32, milliseconds int64) ([]int64, error) {
	offsets := make([]int64, n)
	left := make([]int32, n)
	for p := range left {
		left[p] = int32(p)
	}
	tr := tracker{cl: cl, log: Log{Topic: topic, Partition: -1, Leader: -1, LeaderEpoch: -1}}
	for len(left) > 0 {
		resp, err := attempt(ctx, cl, func(ctx context.Context) (*kmsg.ListOffsetsResponse, error) {
			return listRequest(topic, left, milliseconds, readCommitted).RequestWith(ctx, cl)
		})
		if err == nil {
			left, err = takeTimes(resp, topic, left, offsets)
		}
		if err == nil {
			break
		}
		if err := tr.pause(ctx, -1, err); err != nil {
			return nil, err
		}
	}
	return offsets, nil
}

// takeTimes puts what partitions answered in its place, and returns those that are left and why.
func takeTimes(resp *kmsg.ListOffsetsResponse, topic string, asked []int32, offsets []int64) (left []int32, err error) {
	left, err = slices.Clone(asked), errNoAnswer
	for _, t := range resp.Topics {
		if t.Topic != topic {
			continue
		}
		for _, p := range t.Partitions {
			i := slices.Index(left, p.Partition)
			if i < 0 {
				continue
			}
			if code := kerr.ErrorForCode(p.ErrorCode); code != nil {
				err = code
				continue
			}
			offsets[p.Partition] = p.Offset
			left = slices.Delete(left, i, i+1)
		}
	}
	if len(left) == 0 {
		err = nil
	}
	return left, err
}
