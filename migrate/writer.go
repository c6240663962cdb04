package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
)

const (
	// finishing is how much longer than its context a transaction in hand may take: to leave
	// one open would hide what follows it from readers until its timeout.
	finishing = time.Second

	// linger is longer than it takes to hand a batch over, so that it goes out in few
	// requests; Flush ends it.
	linger = time.Second
)

// newClient makes a client of the user's options and ours. It contacts nobody.
func newClient(kafkaOpts []kgo.Opt, topic string, partition int32, ours ...kgo.Opt) (*kafka.Client, error) {
	cl, err := kafka.NewClient(kafkaOpts, ours...)
	if err != nil {
		return nil, &Error{Kind: ErrInvalidOption, Topic: topic, Partition: partition, Cause: err}
	}
	if timeout, _ := cl.OptValue(kgo.RecordDeliveryTimeout).(time.Duration); timeout != 0 {
		cl.Close()
		return nil, &Error{
			Kind: ErrInvalidOption, Topic: topic, Partition: partition, Asked: "kgo.RecordDeliveryTimeout",
			Do: "use WithCopyTimeout: kgo counts from the event's timestamp, and would fail all that is past",
		}
	}
	return cl, nil
}

// writer appends to the target, and is the only one that may. It is of no use after
// the first error: what became of the transaction, the target will say.
type writer struct {
	topic     string
	partition int32
	timeout   time.Duration
	client    *kafka.Client
	next      int64 // offset of the next record, if nobody else writes
}

func (c *copier) newWriter() (*writer, error) {
	client, err := newClient(c.kafka, c.topic, c.partition,
		kgo.TransactionalID(c.config.transactionalID(c.topic, c.partition)),
		// Longer than we wait, so that a broker doesn't end what we still may commit.
		kgo.TransactionTimeout(c.config.timeout+minCopyTimeout*10),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(maxBatchEvents+1),
		kgo.MaxBufferedBytes(0),
	)
	if err != nil {
		return nil, err
	}
	return &writer{topic: c.topic, partition: c.partition, timeout: c.config.timeout, client: client}, nil
}

func (w *writer) close() { w.client.Close() }

// takeOver fences all other copies into the partition, and ends what they have open.
func (w *writer) takeOver(ctx context.Context) error {
	_, err := ask(ctx, w.client, w.timeout, func(ctx context.Context) (struct{}, error) {
		_, _, err := w.client.ProducerID(ctx)
		return struct{}{}, err
	})
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return w.failure("to be the only one who writes", err)
}

// append writes the records in one transaction, and returns the offset of the last one.
func (w *writer) append(ctx context.Context, records []*kgo.Record) (int64, error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(finishing, cancel) })
	defer stop()

	_, err := kafka.Do(bounded, w.client, func(ctx context.Context) (struct{}, error) {
		err := w.transact(ctx, records)
		if err != nil && ctx.Err() == nil {
			// Or it hides what follows until its timeout. Whether that succeeds says
			// nothing of what happened before.
			_ = w.client.EndTransaction(ctx, kgo.TryAbort)
		}
		return struct{}{}, err
	})
	switch {
	case err == nil:
		last := w.next + int64(len(records)) - 1
		w.next = last + 2 // its marker is in between
		return last, nil
	case ctx.Err() != nil && bounded.Err() != nil:
		return 0, ctx.Err()
	case bounded.Err() != nil:
		return 0, w.failure("a transaction within "+w.timeout.String(), errSilent)
	}
	return 0, w.failure(fmt.Sprintf("a transaction of %d events", len(records)), err)
}

// transact produces and commits. It uses nothing of the caller's that changes, as it may
// outlive the call.
func (w *writer) transact(ctx context.Context, records []*kgo.Record) error {
	if err := w.client.BeginTransaction(); err != nil {
		return err
	}
	next := w.next
	settled := make(chan error, len(records))
	for _, r := range records {
		w.client.Produce(ctx, r, func(r *kgo.Record, err error) { settled <- w.recordError(r, err) })
	}
	if err := w.client.Flush(ctx); err != nil {
		return err
	}
	var failed error
	for range records {
		select {
		case err := <-settled:
			if failed == nil {
				failed = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if failed != nil {
		return failed
	}
	for i, r := range records {
		if want := next + int64(i); r.Offset != want {
			return &Error{
				Kind: ErrForeignRecords, Topic: w.topic, Partition: w.partition,
				Asked: fmt.Sprintf("offset %d for the next event", want), Found: fmt.Sprintf("offset %d", r.Offset),
				Do: "stop whoever else writes to the target; the events of this transaction are not in it",
			}
		}
	}
	if err := w.client.AwaitPartition(ctx, w.topic, w.partition); err != nil {
		return err
	}
	return w.client.EndTransaction(ctx, kgo.TryCommit)
}

// recordError names the event where it is the reason that the whole transaction fails.
func (w *writer) recordError(r *kgo.Record, err error) error {
	if !errors.IsAny(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) {
		return err
	}
	id, _ := SourceID(r)
	return &Error{
		Kind: kafkastream.ErrEventTooLarge, Topic: w.topic, Partition: w.partition, Asked: "event " + quote(id) + " to be written", Cause: err,
		Found: fmt.Sprintf("%d bytes of metadata", len(r.Value)),
		Do:    "raise max.message.bytes of the topic, and kgo.ProducerBatchMaxBytes (1 MB by default); the events of this transaction are not in it",
	}
}

func (w *writer) failure(asked string, err error) error {
	if isFence(err) {
		return &Error{
			Kind: ErrFenced, Topic: w.topic, Partition: w.partition, Asked: asked, Cause: err,
			Do: "let the other copy go on, or end it and copy again: it goes on where the target ends",
		}
	}
	return failure(w.topic, w.partition, asked, err)
}

// isFence reports whether an error says that the transactional ID has another owner, or lost its
// state, which Kafka does not tell apart.
func isFence(err error) bool {
	return errors.IsAny(err,
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping,
		kerr.TransactionalIDNotFound)
}
