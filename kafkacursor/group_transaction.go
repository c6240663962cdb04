package kafkacursor

import (
	"context"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/internal/kafka"
)

// groupTransaction writes cursors and commits offsets in a group, all or nothing.
//
// The records come before the offsets. Whoever gets a partition of ours next does so under a
// generation in which our commit is refused. So if it was not, our records were in the log before, and the
// next owner, who reads up to the high watermark, waits for how the transaction ends. In the other order they could
// come behind what it has read.
type groupTransaction struct {
	client  *groupClient
	id      string // the transactional ID
	at      membership
	records []*kgo.Record
	offsets []kmsg.TxnOffsetCommitRequestTopic

	// stage says who decides how it ends: the goroutine that is about to commit, or the one that
	// gave up waiting for it.
	stage atomic.Int32
}

const (
	writing int32 = iota
	committing
	givenUp
)

// outcome is how a transaction ended.
type outcome int

const (
	wasNotWritten outcome = iota // and will not be
	wasWritten
	wasRefused // by the group
	wasFenced  // by somebody with the same transactional ID
	wasUnknown
)

// ending is an outcome and the error that led to it.
type ending struct {
	outcome outcome
	err     error
	// reusable means that the client has no transaction open and can make another. Else it is to be
	// thrown away: the next one has Kafka abort what is left.
	reusable bool
}

// do makes the transaction. It returns as soon as ctx is done.
func (t *groupTransaction) do(ctx context.Context) ending {
	aborted, err := kafka.Do(ctx, t.client.cl, t.run)
	switch {
	case err == nil:
		return ending{outcome: wasWritten, reusable: true}
	case isFence(err):
		return ending{outcome: wasFenced, err: err}
	case !t.stage.CompareAndSwap(writing, givenUp):
		return ending{outcome: wasUnknown, err: err}
	case isRefusal(err):
		return ending{outcome: wasRefused, err: err, reusable: aborted}
	default:
		return ending{outcome: wasNotWritten, err: err}
	}
}

// run makes the transaction and returns its error, and whether it was aborted then.
func (t *groupTransaction) run(ctx context.Context) (aborted bool, err error) {
	cl := t.client.cl
	if err := cl.BeginTransaction(); err != nil {
		return false, err
	}
	err = t.write(ctx)
	if err == nil && !t.stage.CompareAndSwap(writing, committing) {
		err = context.Canceled // nobody waits any more, and the cursors are written again
	}
	if err == nil {
		err = cl.EndTransaction(ctx, kgo.TryCommit)
	}
	if err != nil {
		// Or it hides the cursors behind it until its timeout. Whether that succeeds says nothing of a
		// commit before.
		aborted = cl.EndTransaction(ctx, kgo.TryAbort) == nil
	}
	return aborted, err
}

// write does all but end the transaction.
func (t *groupTransaction) write(ctx context.Context) error {
	if err := t.produce(ctx); err != nil {
		return err
	}
	for _, record := range t.records {
		if err := t.client.cl.AwaitPartition(ctx, record.Topic, record.Partition); err != nil {
			return err
		}
	}
	return t.commitOffsets(ctx)
}

// produce returns when all records are acknowledged, or all are decided and one is not.
func (t *groupTransaction) produce(ctx context.Context) error {
	results := make(chan error, len(t.records))
	for _, record := range t.records {
		t.client.cl.Produce(ctx, record, func(_ *kgo.Record, err error) { results <- err })
	}
	var first error
	for range t.records {
		select {
		case err := <-results:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return first
}

// commitOffsets has the group's coordinator decide whether we are a member.
func (t *groupTransaction) commitOffsets(ctx context.Context) error {
	cl := t.client.cl
	id, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		return err
	}
	if !t.client.implicit {
		if err := t.addOffsets(ctx, id, epoch); err != nil {
			return err
		}
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.id, id, epoch
	req.Group, req.MemberID, req.Generation = t.at.group, t.at.member, t.at.generation
	if t.at.instance != "" {
		req.InstanceID = &t.at.instance
	}
	req.Topics = t.offsets
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return offsetError(t.at, topic.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// addOffsets makes the group part of the transaction.
func (t *groupTransaction) addOffsets(ctx context.Context, id int64, epoch int16) error {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = t.id, id, epoch, t.at.group
	resp, err := req.RequestWith(ctx, t.client.cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// offsetsOf returns what the group is to have. Of several consumers of a partition the one that is
// furthest behind counts.
func offsetsOf(lines []line) []kmsg.TxnOffsetCommitRequestTopic {
	next := make(map[string]map[int32]int64)
	for _, l := range lines {
		partitions := next[l.key.Topic]
		if partitions == nil {
			partitions = make(map[int32]int64)
			next[l.key.Topic] = partitions
		}
		if offset, ok := partitions[l.key.Partition]; !ok || l.next < offset {
			partitions[l.key.Partition] = l.next
		}
	}
	var topics []kmsg.TxnOffsetCommitRequestTopic
	for name, partitions := range next {
		topic := kmsg.NewTxnOffsetCommitRequestTopic()
		topic.Topic = name
		for number, offset := range partitions {
			p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			p.Partition, p.Offset = number, offset
			topic.Partitions = append(topic.Partitions, p)
		}
		topics = append(topics, topic)
	}
	return topics
}
