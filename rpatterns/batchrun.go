package rpatterns

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/kreflex/kreflex/reflex"
)

// batchRun is one run of a BatchConsumer: the batch that is being collected, and a goroutine that handles it, so
// that Consume can go when its context is done although the batch function does not.
type batchRun struct {
	consumer *BatchConsumer
	meter    patternMeter // may be nil
	failure  failure

	ctx    context.Context // of the batch function
	cancel context.CancelFunc
	ending chan struct{} // closed when nothing more is to be handled
	endOne sync.Once
	done   chan struct{} // closed when the goroutine is gone

	// turn is held by whoever works on the batch. It is handed to the goroutine with full.
	turn  chan struct{}
	full  chan chan error // takes where the verdict on a complete batch goes
	timer *time.Timer     // for the period

	// Guarded by turn.
	events []*AckEvent
	bytes  int
	due    time.Time // when the period is over
	fate   fate.Fate

	buffered atomic.Int64 // events, for the metrics
}

// startBatchRun starts the goroutine. It ends with ctx, or by end.
func startBatchRun(ctx context.Context, c *BatchConsumer, meter patternMeter) *batchRun {
	r := &batchRun{
		consumer: c, meter: meter, ending: make(chan struct{}), done: make(chan struct{}),
		turn: make(chan struct{}, 1), full: make(chan chan error, 1), timer: time.NewTimer(time.Hour),
	}
	r.timer.Stop()
	r.ctx, r.cancel = context.WithCancel(ctx)
	go r.work()
	return r
}

// add adds the event to the batch. If that completes it, it waits for the verdict.
func (r *batchRun) add(ctx context.Context, f fate.Fate, e *AckEvent) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
		return r.over(ctx)
	}
	if err := r.unusable(ctx); err != nil {
		<-r.turn
		return err
	}
	r.fate = f
	r.events = append(r.events, e)
	r.bytes += len(e.MetaData)
	r.buffered.Store(int64(len(r.events)))
	if !r.consumer.complete(len(r.events), r.bytes) {
		if period := r.consumer.period; len(r.events) == 1 && period > 0 {
			r.due = time.Now().Add(period)
			r.timer.Reset(period)
		}
		<-r.turn
		return nil
	}

	verdict := make(chan error, 1)
	r.full <- verdict // there is room, as the turn was ours; now it is the goroutine's
	select {
	case err := <-verdict:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
	}
	select {
	case err := <-verdict:
		return err
	default:
		return r.over(ctx)
	}
}

// unusable returns why no event can be added, or nil. An event that is added when nobody is there
// to handle it would look like one that was consumed.
func (r *batchRun) unusable(ctx context.Context) error {
	if err := r.failure.get(); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.over(ctx)
	default:
		return nil
	}
}

// over is why there is no goroutine any more. If the run's context is done then ctx is too.
func (r *batchRun) over(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Wrap(ErrBatchState, "consumer was stopped")
}

// work handles batches one after the other.
func (r *batchRun) work() {
	defer close(r.done)
	defer r.cancel()
	defer r.buffered.Store(0)
	defer r.timer.Stop()

	var turn chan<- struct{} // nil while no period is over
	for {
		select {
		case <-r.ending:
			return
		case <-r.ctx.Done():
			return
		case verdict := <-r.full:
			verdict <- call(r.handle)
			<-r.turn
		case <-r.timer.C:
			turn = r.turn
		case turn <- struct{}{}:
			turn = nil
			// It may have been completed, and another begun, before it was our turn.
			if len(r.events) > 0 && !time.Now().Before(r.due) {
				r.handleDue()
			}
			<-r.turn
		}
	}
}

// handleDue handles a batch for whose result nobody waits.
func (r *batchRun) handleDue() {
	began := time.Now()
	err := call(r.handle)
	if r.meter != nil {
		r.meter.Worked(time.Since(began), err)
	}
	// A run that is told to stop ends by itself, and has nothing to report.
	if err == nil || r.ctx.Err() != nil && reflex.IsExpected(err) {
		return
	}
	r.failure.set(errors.Wrap(err, batchStateText, j.C(batchStateCode)))
}

// handle calls the batch function, and moves the cursor if it succeeds.
func (r *batchRun) handle() error {
	events := r.events
	defer func() {
		r.events, r.bytes = nil, 0
		r.buffered.Store(0)
	}()
	r.timer.Stop()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	batch := make(Batch, len(events))
	for i, e := range events {
		batch[i] = &e.Event
	}
	err := call(func() error { return r.consumer.logic(r.context(batch), r.fate, batch) })
	if err != nil {
		return errors.Wrap(err, "batch consumer error")
	}
	if err := events[len(events)-1].Ack(r.ctx); err != nil {
		return errors.Wrap(err, "batch ack error")
	}
	return nil
}

// context returns the context for the batch function.
func (r *batchRun) context(batch Batch) context.Context {
	ctx := log.ContextWith(r.ctx, j.MKV{
		"consumer":       r.consumer.name,
		"batch_len":      len(batch),
		"batch_first_id": batch[0].ID,
		"batch_last_id":  batch[len(batch)-1].ID,
	})
	for _, e := range batch[1:] {
		if !bytes.Equal(e.Trace, batch[0].Trace) {
			return ctx
		}
	}
	sc, ok := reflex.DecodeTrace(batch[0].Trace)
	if !ok {
		return ctx
	}
	return log.ContextWith(trace.ContextWithRemoteSpanContext(ctx, sc), j.KS("trace_id", sc.TraceID().String()))
}

// end ends the run and returns when nothing of it is left, with the error of ctx, or with ErrBatchStuck. The
// batch in hand may go on for the time of finish before it is told to stop. It may be called again, and of no run.
func (r *batchRun) end(ctx context.Context, finish time.Duration) error {
	if r == nil {
		return nil
	}
	r.endOne.Do(func() { close(r.ending) })
	if finish > 0 {
		if gone, err := r.wait(ctx, finish); gone || err != nil {
			return err
		}
	}
	r.cancel()
	gone, err := r.wait(ctx, batchStop-finish)
	if gone || err != nil {
		return err
	}
	return errors.Wrap(ErrBatchStuck, "", j.KS("consumer", r.consumer.name))
}

// wait reports whether the goroutine was gone in time.
func (r *batchRun) wait(ctx context.Context, limit time.Duration) (bool, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.done:
		return true, nil
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
