package partition

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// Range is the range of a partition's log, or why it isn't known.
type Range struct {
	Start, LastStable, HighWatermark int64
	Err                              error
}

// Ends asks for the ranges of many partitions of a topic at once: three requests to each leader, however many it
// leads. It tries once. What a partition or its leader says is in its Range, so that one broker that gives no answer
// takes nothing from the others; an error is about all of them.
func Ends(ctx context.Context, cl *kafka.Client, topic string, partitions []int32) (map[int32]Range, error) {
	ranges := make(map[int32]Range, len(partitions))
	for _, p := range partitions {
		ranges[p] = Range{Start: -1, LastStable: -1, HighWatermark: -1}
	}
	cause := errNoAnswer
	// In an order that keeps start <= last stable offset <= high watermark, whatever happens in between.
	for _, ask := range []struct {
		timestamp int64
		isolation int8
		field     func(*Range) *int64
	}{
		{listStart, readUncommitted, func(r *Range) *int64 { return &r.Start }},
		{listEnd, readCommitted, func(r *Range) *int64 { return &r.LastStable }},
		{listEnd, readUncommitted, func(r *Range) *int64 { return &r.HighWatermark }},
	} {
		shards, err := attempt(ctx, cl, func(ctx context.Context) ([]kgo.ResponseShard, error) {
			limited, cancel := context.WithTimeout(ctx, endsTimeout)
			defer cancel()
			return cl.RequestSharded(limited, listRequest(topic, partitions, ask.timestamp, ask.isolation)), nil
		})
		if err != nil {
			return nil, err
		}
		if err := takeEnds(shards, topic, ask.field, ranges); err != nil {
			cause = err // some partitions stay without an answer
		}
	}
	for p, r := range ranges {
		if r.Err == nil && (r.Start < 0 || r.LastStable < 0 || r.HighWatermark < 0) {
			r.Err = cause
			ranges[p] = r
		}
	}
	return ranges, nil
}

// endsTimeout is a little less than an attempt has, so that the others' answers count if one broker gives none.
const endsTimeout = attemptTimeout - 500*time.Millisecond

// takeEnds adds the answers of brokers, and returns the error of one that gave none.
func takeEnds(shards []kgo.ResponseShard, topic string, field func(*Range) *int64, ranges map[int32]Range) (silent error) {
	for _, shard := range shards {
		resp, err := as[*kmsg.ListOffsetsResponse](shard.Resp, shard.Err)
		if err != nil {
			silent = err
			continue
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if r, asked := ranges[p.Partition]; asked && t.Topic == topic {
					ranges[p.Partition] = answered(r, field, p)
				}
			}
		}
	}
	return silent
}

// answered adds the answer for one end of a log.
func answered(r Range, field func(*Range) *int64, p kmsg.ListOffsetsResponseTopicPartition) Range {
	*field(&r) = p.Offset
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil && r.Err == nil {
		r.Err = err
	}
	return r
}

// Ranges is Ends of the first n partitions, tried again until all of them have answered.
func Ranges(ctx context.Context, cl *kafka.Client, topic string, n int32) ([]Range, error) {
	ranges := make([]Range, n)
	left := make([]int32, n)
	for p := range left {
		left[p] = int32(p)
	}
	tr := tracker{cl: cl, log: Log{Topic: topic, Partition: -1, Leader: -1, LeaderEpoch: -1}}
	for len(left) > 0 {
		found, err := Ends(ctx, cl, topic, left)
		if err == nil {
			left = slices.DeleteFunc(left, func(p int32) bool {
				ranges[p] = found[p]
				if found[p].Err != nil {
					err = found[p].Err
				}
				return found[p].Err == nil
			})
		}
		if err == nil {
			break
		}
		if err := tr.pause(ctx, -1, err); err != nil {
			return nil, err
		}
	}
	return ranges, nil
}

func listRequest(topic string, partitions []int32, timestamp int64, isolation int8) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = isolation
	reqTopic := kmsg.NewListOffsetsRequestTopic()
	reqTopic.Topic = topic
	for _, p := range partitions {
		reqPartition := kmsg.NewListOffsetsRequestTopicPartition()
		reqPartition.Partition = p
		reqPartition.Timestamp = timestamp
		reqTopic.Partitions = append(reqTopic.Partitions, reqPartition)
	}
	req.Topics = append(req.Topics, reqTopic)
	return req
}
