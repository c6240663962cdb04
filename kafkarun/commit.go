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

// commits is what was committed last. Nobody reads it back from Kafka: where a partition goes on its cursor says.
type commits struct {
	mu        sync.Mutex // held while a commit is under way, so that an older one can't land after a newer
	committed map[int32]int64
	seen      map[int32]int64 // what was to be committed an interval ago
}

// forget has what these partitions consume next committed again when they are ours again: others may have committed it
// in the meantime.
func (c *commits) forget(partitions []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range partitions {
		delete(c.committed, p)
	}
}

// commitAll commits what has changed, each interval, until ctx is done.
func (m *member) commitAll(ctx context.Context) {
	interval := m.session.runner.config.commit
	if interval == 0 {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		m.commit(ctx, m.session.mine(), n%commitAgain == 0)
	}
}

// commit commits the offsets that the lanes consume next. It is for tools to look at, so a failure is shown in the status and mended by
// the next one.
func (m *member) commit(ctx context.Context, lanes []*lane, again bool) {
	if m.session.runner.config.commit == 0 {
		return
	}
	m.commits.mu.Lock()
	defer m.commits.mu.Unlock()
	if m.commits.committed == nil {
		m.commits.committed, m.commits.seen = make(map[int32]int64), make(map[int32]int64)
	}
	offsets := make(map[int32]kgo.EpochOffset)
	for _, l := range lanes {
		next := l.at.next()
		moves := m.commits.seen[l.number] != next
		m.commits.seen[l.number] = next
		if m.part != nil && moves {
			continue // the transaction that has its cursor has this too, but for markers behind the last event
		}
		if known, ok := m.commits.committed[l.number]; next >= 0 && (again || !ok || known != next) && !l.gone.isSet() {
			offsets[l.number] = kgo.EpochOffset{Epoch: -1, Offset: next}
		}
	}
	if len(offsets) == 0 {
		return
	}
	if err := m.send(ctx, offsets); err != nil {
		if ctx.Err() == nil && !isPassingInGroup(err) {
			m.fail(errors.Wrap(err, "commit offsets for tools"))
		}
		return
	}
	for p, o := range offsets {
		m.commits.committed[p] = o.Offset
	}
	m.mend()
}

// send commits with the member's generation: the coordinator refuses it from one who no longer is a member.
func (m *member) send(ctx context.Context, offsets map[int32]kgo.EpochOffset) error {
	bounded, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	_, err := kafka.Do(bounded, m.client, func(ctx context.Context) (struct{}, error) {
		done := make(chan error, 1)
		m.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.topic: offsets},
			func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
				done <- commitError(resp, err)
			})
		return struct{}{}, <-done
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
	return errors.IsAny(err, kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.StaleMemberEpoch)
}
