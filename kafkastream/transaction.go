package kafkastream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/reflex"
)

// abortTimeout bounds the end of a transaction that was given up. The broker
// aborts it by its own timeout where that fails.
const abortTimeout = 10 * time.Second

// transactions keeps a publisher's transactions apart.
type transactions struct {
	// slot holds a token while nobody has a transaction open. A channel, as
	// waiting for it must end with a context. A goroutine that begins or ends a
	// transaction after its caller went away owns it, and gives it back as its
	// last act, so who has the slot has waited for them.
	slot chan struct{}
	// unfinished, owned by the slot, says that kgo still has a transaction
	// open whose abort failed.
	unfinished *bool
	// fenced is set once and for all.
	fenced *atomic.Bool
}

func newTransactions() transactions {
	t := transactions{
		slot:       make(chan struct{}, 1),
		unfinished: new(bool),
		fenced:     new(atomic.Bool),
	}
	t.release()
	return t
}

func (t transactions) release() { t.slot <- struct{}{} }

// drain waits for the transaction in progress.
func (t transactions) drain(ctx context.Context) {
	select {
	case <-t.slot:
		t.release() // for those who wait: they find the publisher closed
	case <-ctx.Done():
	}
}

// Tx is the transaction that a function given to Transact publishes in. It is
// safe for concurrent use, until that function returns.
type Tx struct {
	publisher *Publisher

	mu     sync.RWMutex // held for writing to end the transaction
	ended  bool
	failed atomic.Pointer[error] // the first event that was not written

	partitions sync.Map // numbers of those that have acknowledged an event
}

// Transact runs fn, and then makes all that it published visible at once, or
// nothing of it. It needs WithTransactionalID.
//
// The transaction is committed if fn returns nil and all events were
// acknowledged. It is aborted if fn returns an error, which Transact returns, if
// it panics, or if ctx is done before the commit is sent. Aborted events stay in
// the log; readers of committed events, as the streams here are, never see them.
//
// Besides fn's and those of Publish for events that failed, it returns
// ErrTransactional, ErrPublisherFenced, ErrTransactionAborted,
// ErrPublisherClosed, the error of ctx, and ErrCommitUnknown if nobody can say
// whether it is committed. Anything but nil and ErrCommitUnknown means that
// nothing was made visible, save the doubt described at ErrPublisherFenced.
//
// A publisher has one transaction at a time; others wait for it, so fn must not
// call Transact, nor Flush or Close. Transact returns as soon as ctx is done and
// fn returned; it is then ended in the background, and the next one waits for
// that. A commit takes tens of milliseconds however much it holds: batch.
func (p *Publisher) Transact(ctx context.Context, fn func(tx *Tx) error) (err error) {
	if !p.config.transactional {
		return errors.Wrap(ErrTransactional, "transact", j.KV("topic", p.topic))
	}
	if err := p.beginTransaction(ctx); err != nil {
		return err
	}
	tx := &Tx{publisher: p}
	returned := false
	defer func() {
		if !returned { // fn panicked, or ended the goroutine as t.FailNow does
			_ = p.endTransaction(ctx, tx, false) // the panic says more
		}
	}()
	err = fn(tx)
	returned = true

	if err != nil {
		// An abort that fails changes nothing for the caller: the broker does it
		// by its timeout.
		if abortErr := p.endTransaction(ctx, tx, false); errors.Is(abortErr, ErrPublisherFenced) {
			return errors.Join(err, abortErr)
		}
		return err
	}
	return p.endTransaction(ctx, tx, true)
}

// Publish hands events over in the transaction. It returns ErrInvalidEvent or an
// EventTooLargeError before any of these events is sent, which fn may get over.
// It also returns ErrTransactionEnded, the error of ctx while waiting for room,
// and the failure of an earlier event; then nothing will be committed. Whether
// the events are written, Transact says. The context is not kept.
func (tx *Tx) Publish(ctx context.Context, events ...*reflex.Event) error {
	p := tx.publisher
	records, err := p.records(ctx, events)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := tx.produce(ctx, r); err != nil {
			return err
		}
	}
	return tx.failure()
}

func (tx *Tx) produce(ctx context.Context, r *kgo.Record) error {
	tx.mu.RLock()
	defer tx.mu.RUnlock()
	p := tx.publisher
	if tx.ended {
		return errors.Wrap(ErrTransactionEnded, "publish", j.KV("topic", p.topic))
	}
	if err := errors.Join(p.usable(), tx.failure()); err != nil {
		return err
	}
	if err := p.acquire(ctx, r); err != nil {
		// Events of the same call are on their way already: to commit them without
		// this one is not all or nothing, even if fn goes on.
		tx.failed.CompareAndSwap(nil, &err)
		return err
	}
	p.produce(r, func(r *kgo.Record, err error) {
		if err := p.deliveryError(r, err); err != nil {
			tx.failed.CompareAndSwap(nil, &err)
			return
		}
		tx.partitions.Store(r.Partition, struct{}{})
	})
	return nil
}

func (tx *Tx) failure() error {
	if err := tx.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// beginTransaction takes the slot and opens a transaction. On error it is given back.
func (p *Publisher) beginTransaction(ctx context.Context) error {
	t := p.transactions
	select {
	case <-t.slot:
	case <-ctx.Done():
		return errors.Wrap(context.Cause(ctx), "wait for the transaction before", j.KV("topic", p.topic))
	}
	if err := errors.Join(p.usable(), p.fenced(), context.Cause(ctx)); err != nil {
		t.release()
		return err
	}

	opened := make(chan error, 1)
	go func() { opened <- p.open(ctx) }()
	select {
	case err := <-opened:
		if err != nil {
			t.release()
		}
		return err
	case <-ctx.Done():
		go func() {
			if <-opened == nil {
				_ = p.abort() // nothing was published in it
			}
			t.release()
		}()
		return errors.Wrap(context.Cause(ctx), "begin transaction", j.KV("topic", p.topic))
	}
}

func (p *Publisher) fenced() error {
	if p.transactions.fenced.Load() {
		return errors.Wrap(ErrPublisherFenced, "begin transaction", j.MKV{"topic": p.topic, "transactional_id": p.config.transactionalID})
	}
	return nil
}

// open is called with the slot held.
func (p *Publisher) open(ctx context.Context) error {
	if *p.transactions.unfinished {
		if err := p.abortWith(ctx); err != nil {
			return err
		}
	}
	// kgo asks for the producer id only when it sends, which is too late: until
	// then we don't know whether we are the ones who may.
	_, _, err := p.client.ProducerID(ctx)
	var refusal *kerr.Error
	if err != nil && (!errors.As(err, &refusal) || refusal.Retriable || isFenced(err)) {
		return p.transactionError(err, "begin transaction")
	}
	// The rest of the refusals is for BeginTransaction to recover from or not.
	return p.transactionError(p.client.BeginTransaction(), "begin transaction")
}

// Whose decision the end of a transaction is.
const (
	undecided int32 = iota
	committing
	givenUp
)

// endTransaction ends the transaction in a goroutine that owns the slot from
// now on, and waits for that as long as ctx allows.
func (p *Publisher) endTransaction(ctx context.Context, tx *Tx, commit bool) error {
	tx.mu.Lock()
	tx.ended = true
	tx.mu.Unlock()

	var decision atomic.Int32
	ended := make(chan error, 1)
	go func() {
		err := p.end(ctx, tx, commit, &decision)
		ended <- err
		p.transactions.release()
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if decision.CompareAndSwap(undecided, givenUp) {
		return errors.Wrap(context.Cause(ctx), "transaction is aborted", j.KV("topic", p.topic))
	}
	return wrapCause(ErrCommitUnknown, context.Cause(ctx), "commit", j.MKV{"topic": p.topic})
}

// end waits for all acknowledgements and commits, unless ctx or an event's
// failure say otherwise.
func (p *Publisher) end(ctx context.Context, tx *Tx, commit bool, decision *atomic.Int32) error {
	if !commit {
		return p.abort()
	}
	timeout, _ := p.client.OptValue(kgo.TransactionTimeout).(time.Duration)
	wait, cancel := context.WithTimeoutCause(ctx, timeout, ErrDeliveryTimeout)
	defer cancel()
	err := p.client.Flush(wait)
	if err != nil {
		err = errors.Wrap(context.Cause(wait), "wait for acknowledgements", j.KV("topic", p.topic))
	}
	if err = errors.Join(tx.failure(), p.usable(), err); err != nil {
		return errors.Join(err, p.abort())
	}
	if !decision.CompareAndSwap(undecided, committing) {
		return p.abort()
	}

	// Not the caller's context: to cancel a commit in flight is to not know how
	// it ended.
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	tx.partitions.Range(func(partition, _ any) bool {
		err = p.client.AwaitPartition(final, p.topic, partition.(int32))
		return err == nil
	})
	if err != nil {
		return errors.Join(wrapCause(ErrTransactionAborted, err, "commit", j.MKV{"topic": p.topic}), p.abort())
	}
	err = p.client.EndTransaction(final, kgo.TryCommit)
	switch {
	case err == nil:
		return nil
	case isFenced(err):
		return p.transactionError(err, "commit")
	case errors.IsAny(err, kerr.OperationNotAttempted, kerr.TransactionAbortable):
		return errors.Join(wrapCause(ErrTransactionAborted, err, "commit", j.MKV{"topic": p.topic}), p.abort())
	default:
		_ = p.abort() // makes kgo usable again; it can't tell how the commit ended
		return wrapCause(ErrCommitUnknown, err, "commit", j.MKV{"topic": p.topic})
	}
}

// abort aborts the transaction in bounded time, whatever became of the caller.
func (p *Publisher) abort() error {
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	return p.abortWith(ctx)
}

func (p *Publisher) abortWith(ctx context.Context) error {
	*p.transactions.unfinished = true
	// Events in flight must land before the abort: one that comes after would open
	// the next transaction, where brokers before 4.0 can't tell them apart.
	if err := p.client.AbortBufferedRecords(ctx); err != nil {
		return errors.Wrap(err, "abort transaction", j.KV("topic", p.topic))
	}
	if err := p.client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return p.transactionError(err, "abort transaction")
	}
	*p.transactions.unfinished = false
	return nil
}

// transactionError wraps what kgo returned for a step, and remembers fencing.
func (p *Publisher) transactionError(err error, step string) error {
	if err == nil {
		return nil
	}
	at := j.MKV{"topic": p.topic, "transactional_id": p.config.transactionalID}
	switch {
	case isFenced(err):
		p.transactions.fenced.Store(true)
		return wrapCause(ErrPublisherFenced, err, step, at)
	case kafka.Classify(err) == kafka.Unauthorised:
		return &Error{
			Kind: ErrNotAuthorised, Topic: p.topic, Partition: unknown, Offset: unknown, Start: unknown, End: unknown, Cause: err,
			Asked: fmt.Sprintf("to %s with transactional id %q", step, p.config.transactionalID),
			Do:    "check the credentials and certificates, and that WRITE and DESCRIBE of the transactional id are allowed",
		}
	case errors.Is(err, kgo.ErrClientClosed):
		return wrapCause(ErrPublisherClosed, err, step, at)
	default:
		return errors.Wrap(err, step, at)
	}
}

// isFenced reports whether a broker's answer means that another producer has the
// transactional id, or that the transaction coordinator gave our transaction up.
// Which of these comes depends on the version and on what was asked first.
func isFenced(err error) bool {
	return errors.IsAny(err, kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping)
}
