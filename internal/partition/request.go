package partition

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// attemptTimeout bounds one request about metadata or offsets. A broker that
// accepts connections and never answers would hold kgo for 10 to 20 s, while the
// next attempt asks another broker.
const attemptTimeout = 3 * time.Second

// errNoAnswer is what a response without the partition asked for means. A
// broker that throttles a fetch answers like that.
var errNoAnswer = errors.New("response lacks the partition that was asked for", j.C("ERR_7e1b9dc45f082a36"))

// errSilent is what an attempt returns that took too long.
var errSilent = errors.New("broker did not answer in time", j.C("ERR_f83c5a9e1d70b246"))

// sighting is what one metadata response said about a partition.
type sighting struct {
	err         error // of the request, topic or partition
	topicID     [16]byte
	partitions  int // of the topic, 0 where it is unknown
	leader      int32
	leaderEpoch int32
}

// see asks any broker for the metadata of the partition.
func see(ctx context.Context, cl *kafka.Client, topic string, partition int32) sighting {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false // reading must not create what a typo names
	reqTopic := kmsg.NewMetadataRequestTopic()
	reqTopic.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, reqTopic)

	resp, err := attempt(ctx, cl, func(ctx context.Context) (*kmsg.MetadataResponse, error) {
		return req.RequestWith(ctx, cl)
	})
	if err != nil {
		return sighting{err: err}
	}
	return sightingOf(resp, topic, partition)
}

func sightingOf(resp *kmsg.MetadataResponse, topic string, partition int32) sighting {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.Topic == nil || *t.Topic != topic {
			continue
		}
		if t.ErrorCode != 0 {
			return sighting{err: kerr.ErrorForCode(t.ErrorCode)}
		}
		seen := sighting{topicID: t.TopicID, partitions: len(t.Partitions), leader: -1, leaderEpoch: -1}
		for _, p := range t.Partitions {
			if p.Partition != partition {
				continue
			}
			seen.leader, seen.leaderEpoch = p.Leader, p.LeaderEpoch
			if p.Leader < 0 {
				// Other errors of a partition with a leader are about its
				// replicas, and no reason not to read from the leader.
				seen.err = kerr.LeaderNotAvailable
				if p.ErrorCode != 0 {
					seen.err = kerr.ErrorForCode(p.ErrorCode)
				}
			}
			return seen
		}
		seen.err = kerr.UnknownTopicOrPartition
		return seen
	}
	if resp.ErrorCode != 0 {
		return sighting{err: kerr.ErrorForCode(resp.ErrorCode)}
	}
	return sighting{err: errNoAnswer}
}

// attempt is one request that obeys its context, with a limit of its own.
func attempt[T any](ctx context.Context, cl *kafka.Client, fn func(context.Context) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	res, err := kafka.Do(limited, cl, fn)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return res, errSilent
	}
	return res, err
}

const (
	listStart = -2
	listEnd   = -1

	readUncommitted = 0
	readCommitted   = 1
)

// list asks the leader for one end of the log.
func list(ctx context.Context, cl *kafka.Client, log Log, timestamp int64, isolation int8) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = isolation
	reqTopic := kmsg.NewListOffsetsRequestTopic()
	reqTopic.Topic = log.Topic
	reqPartition := kmsg.NewListOffsetsRequestTopicPartition()
	reqPartition.Partition = log.Partition
	reqPartition.CurrentLeaderEpoch = log.LeaderEpoch
	reqPartition.Timestamp = timestamp
	reqTopic.Partitions = append(reqTopic.Partitions, reqPartition)
	req.Topics = append(req.Topics, reqTopic)

	resp, err := attempt(ctx, cl, func(ctx context.Context) (*kmsg.ListOffsetsResponse, error) {
		resp, err := cl.Broker(int(log.Leader)).Request(ctx, req)
		return as[*kmsg.ListOffsetsResponse](resp, err)
	})
	if err != nil {
		return 0, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if t.Topic != log.Topic || p.Partition != log.Partition {
				continue
			}
			if p.ErrorCode != 0 {
				return 0, kerr.ErrorForCode(p.ErrorCode)
			}
			if p.Offset < 0 {
				return 0, errNoAnswer
			}
			return p.Offset, nil
		}
	}
	return 0, errNoAnswer
}

// epochEnd is where a leader epoch ends in the log of the leader asked. Both are -1
// where the leader can't tell.
type epochEnd struct {
	epoch int32 // the largest it knows that is not larger than the one asked for
	end   int64
}

// endOfEpoch asks the leader where the records of a leader epoch end.
func endOfEpoch(ctx context.Context, cl *kafka.Client, log Log, epoch int32) (epochEnd, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	reqTopic := kmsg.NewOffsetForLeaderEpochRequestTopic()
	reqTopic.Topic = log.Topic
	reqPartition := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	reqPartition.Partition = log.Partition
	reqPartition.CurrentLeaderEpoch = log.LeaderEpoch
	reqPartition.LeaderEpoch = epoch
	reqTopic.Partitions = append(reqTopic.Partitions, reqPartition)
	req.Topics = append(req.Topics, reqTopic)

	resp, err := attempt(ctx, cl, func(ctx context.Context) (*kmsg.OffsetForLeaderEpochResponse, error) {
		resp, err := cl.Broker(int(log.Leader)).Request(ctx, req)
		return as[*kmsg.OffsetForLeaderEpochResponse](resp, err)
	})
	if err != nil {
		return epochEnd{}, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if t.Topic == log.Topic && p.Partition == log.Partition {
				return epochEnd{epoch: p.LeaderEpoch, end: p.EndOffset}, kerr.ErrorForCode(p.ErrorCode)
			}
		}
	}
	return epochEnd{}, errNoAnswer
}

// as is the response in the type that its request promises.
func as[T kmsg.Response](resp kmsg.Response, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	typed, ok := resp.(T)
	if !ok {
		return zero, errNoAnswer
	}
	return typed, nil
}
