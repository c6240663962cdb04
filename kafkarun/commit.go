package kafkarun

import (
	"context"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

const (
	commitTimeout = 5 * time.Second

	// commitAgain is after how many intervals an offset is committed although it has not changed. Brokers forget old
	// ones, and tools take a consumer that commits nothing for dead.
	commitAgain = 30
)

// committer commits the offsets that lanes consume next, for tools that show lag. Nobody reads them back from Kafka: where a
// partition goes on its cursor says. So a failure is shown in the status, and mended by the next commit.
type committer struct {
	interval time.Duration // 0 commits nothing
	send     func(context.Context, map[int32]kgo.EpochOffset) error
	// settled has only those committed that have stood still for an interval: the others are in the transaction of
	// their cursors, but for markers behind the last event.
	settled bool
	trouble trouble

	mu        sync.Mutex // held while a commit is under way, so that an older one can't land after a newer
	committed map[int32]int64
	seen      map[int32]int64 // what was to be committed an interval ago
}

func newCommitter(interval time.Duration, send func(context.Context, map[int32]kgo.EpochOffset) error) *committer {
	return &committer{interval: interval, send: send, committed: make(map[int32]int64), seen: make(map[int32]int64)}
}

// run commits what has changed, each interval, until ctx is done.
func (c *committer) run(ctx context.Context, lanes func() []*lane) {
	if c.interval == 0 {
		return
	}
	ticker := time.NewTicker(c.interval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		c.commit(ctx, lanes(), n%commitAgain == 0)
	}
}

// commit commits for the lanes what has changed, or all.
func (c *committer) commit(ctx context.Context, lanes []*lane, all bool) {
	if c.interval == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets := make(map[int32]kgo.EpochOffset)
	for _, l := range lanes {
		next := l.at.next()
		moves := c.seen[l.number] != next
		c.seen[l.number] = next
		known, ok := c.committed[l.number]
		if next < 0 || l.gone.isSet() && !l.over() || c.settled && moves || !all && ok && known == next {
			continue
		}
		offsets[l.number] = kgo.EpochOffset{Epoch: -1, Offset: next}
	}
	if len(offsets) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	if err := c.send(bounded, offsets); err != nil {
		if ctx.Err() == nil && !isPassingInGroup(err) {
			c.trouble.note(errors.Wrap(err, "commit offsets for tools"))
		}
		return
	}
	for p, o := range offsets {
		c.committed[p] = o.Offset
	}
	c.trouble.mend()
}

// forget has what these partitions consume next committed again when they are ours again: others may have committed it
// in the meantime.
func (c *committer) forget(partitions []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range partitions {
		delete(c.committed, p)
	}
}

// commitAsMember commits with the member's generation: the coordinator refuses it from one who no longer is a member.
func (m *member) commitAsMember(ctx context.Context, offsets map[int32]kgo.EpochOffset) error {
	_, err := kafka.Do(ctx, m.client, func(ctx context.Context) (struct{}, error) {
		done := make(chan error, 1)
		m.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.topic: offsets},
			func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
				done <- commitError(resp, err)
			})
		return struct{}{}, <-done
	})
	return err
}

// mirror commits in a group that nobody is a member of.
func (s *session) mirror(ctx context.Context, offsets map[int32]kgo.EpochOffset) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = s.runner.config.mirror, -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = s.runner.topic.Name(), s.shape.ID
	for number, offset := range offsets {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = number, offset.Offset, -1
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	_, err := kafka.Do(ctx, s.client, func(ctx context.Context) (struct{}, error) {
		resp, err := req.RequestWith(ctx, s.client)
		return struct{}{}, commitError(resp, err)
	})
	return err
}

// commitError returns the first error of a commit.
func commitError(resp *kmsg.OffsetCommitResponse, err error) error {
	if err != nil || resp == nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPassingInGroup reports whether a commit failed for a generation that ends, as they do.
func isPassingInGroup(err error) bool {
	return errors.IsAny(err, kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.StaleMemberEpoch)
}
