package kafkacursor

import (
	"context"
	"sync"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/topics"
)

// fence is the transactional client of one cursor. It is of no use after the first
// error: kgo recovers from some by itself, and might then write for a consumer
// that was taken over.
type fence struct {
	cl    *kafka.Client
	epoch int64 // of the ownership that it is for
}

// openFence fences whoever had the cursor before. It does so now, and not with the
// first write: a process that wakes up late would otherwise take the consumer from
// its new owner.
func (s *Store) openFence(ctx context.Context, sl *slot) (*fence, error) {
	cl, err := s.openTransactional(ctx, fenceOpts(s.config.timeout, s.config.txnPrefix+sl.text))
	if err != nil {
		return nil, err
	}
	return &fence{cl: cl}, nil
}

// openTransactional makes a client of the options and has Kafka abort the transaction of whoever had their
// transactional ID before.
func (s *Store) openTransactional(ctx context.Context, opts []kgo.Opt) (*kafka.Client, error) {
	cl, err := newClient(s.topic, s.kafka, opts...)
	if err != nil {
		return nil, err
	}
	_, err = topics.Ask(ctx, cl, func(ctx context.Context) (struct{}, error) {
		_, _, err := cl.ProducerID(ctx)
		return struct{}{}, err
	})
	if err != nil {
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// closeFence throws the client away. The turn is held.
func (sl *slot) closeFence() {
	if sl.fence != nil {
		sl.fence.cl.Close()
		sl.fence = nil
	}
}

// sendFenced writes each job in a transaction of its own, all at once.
func (s *Store) sendFenced(jobs []*job) {
	var wg sync.WaitGroup
	for _, jb := range jobs {
		wg.Go(func() { s.sendInTurn(jb) })
	}
	wg.Wait()
}

func (s *Store) sendInTurn(jb *job) {
	if !jb.tryLock() {
		s.putBack(jb)
		return
	}
	if jb.fence == nil || jb.fence.epoch != jb.write.epoch {
		jb.unlock()
		s.putBack(jb)
		return
	}
	err := s.transact(jb)
	if err != nil {
		jb.closeFence()
		err = s.fenceError(jb, err)
		jb.mu.Lock()
		if jb.cell.epoch == jb.write.epoch {
			jb.cell.lose(err)
		}
		jb.mu.Unlock()
	}
	jb.unlock()
	jb.done(jb, err)
}

// putBack ends a job whose cursor is being acquired, or was. It will be written under
// the new ownership.
func (s *Store) putBack(jb *job) {
	jb.mu.Lock()
	jb.cell.putBack(jb.write)
	jb.mu.Unlock()
	// If it is still being acquired, that enqueues it in the end.
	if jb.tryLock() {
		jb.unlock()
		s.enqueue(jb.slot)
	}
}

// enqueue has the writer write what is pending.
func (s *Store) enqueue(sl *slot) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.cell.pending() {
		s.writer.enqueue(sl)
	}
}

// transact writes one cursor.
func (s *Store) transact(jb *job) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.timeout)
	defer cancel()
	cl := jb.fence.cl
	record := newRecord(s.topic, jb.partition, jb.text, []byte(jb.write.value.text()), jb.write.epoch, s.owner)
	_, err := kafka.Do(ctx, cl, func(ctx context.Context) (struct{}, error) {
		if err := cl.BeginTransaction(); err != nil {
			return struct{}{}, err
		}
		err := produce(ctx, cl, record)
		if err == nil {
			err = cl.AwaitPartition(ctx, record.Topic, record.Partition)
		}
		if err == nil {
			err = cl.EndTransaction(ctx, kgo.TryCommit)
		}
		if err != nil {
			// Or it hides the cursors behind it until its timeout. Whether that
			// succeeds says nothing of what happened before.
			_ = cl.EndTransaction(ctx, kgo.TryAbort)
		}
		return struct{}{}, err
	})
	return err
}

// produce is ProduceSync that returns as soon as ctx is done.
func produce(ctx context.Context, cl *kafka.Client, record *kgo.Record) error {
	done := make(chan error, 1)
	cl.Produce(ctx, record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fenceError says whether the consumer was taken over, or that we don't know.
func (s *Store) fenceError(jb *job, err error) error {
	e := &Error{Kind: ErrOwnershipUnknown, Topic: s.topic, Key: jb.key, Cause: kafka.Cause(err), Do: unknownEndDo}
	if isFence(err) {
		e.Kind = ErrFenced
		e.Do = takenOverDo
	}
	if auth := fromError(s.topic, err); errors.Is(auth, ErrNotAuthorised) {
		return s.keyed(jb.key, auth)
	}
	return e
}
