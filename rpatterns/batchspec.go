package rpatterns

import (
	"context"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// NewBatchSpec returns a spec for the consumer. The cursor is moved when a batch is done, and by events that are filtered
// out when all that was delivered before them is done.
func NewBatchSpec(stream reflex.StreamFunc, bc *BatchConsumer, opts ...reflex.StreamOption) reflex.Spec {
	s := &batchSpec{ackRuns: newAckRuns(bc.AckConsumer, nil), batches: bc, hide: func() {}}
	stream = endOnFailure(stream, s.failure, s.finish)
	return reflex.NewSpec(stream, &batchStore{ackStore: ackStore{runs: s.ackRuns}, spec: s}, s, opts...)
}

// batchSpec is a BatchConsumer in a spec.
type batchSpec struct {
	*ackRuns
	batches *BatchConsumer

	mu   sync.Mutex
	hide func() // the length of the buffer
}

var (
	_ reflex.ResetterCtx = (*batchSpec)(nil)
	_ reflex.Stopper     = (*batchSpec)(nil)
)

// Reset also resets the consumer inside, with its metrics.
func (s *batchSpec) Reset(ctx context.Context) error {
	if err := s.ackRuns.Reset(ctx); err != nil {
		return err
	}
	meter, _ := s.inner.(patternMeter)
	if err := s.batches.reset(ctx, meter); err != nil {
		return err
	}
	if meter != nil {
		s.show(meter.ShowBuffer(s.batches.buffered))
	}
	return nil
}

// Stop also stops the consumer inside, although the batch may be stuck: its lag is nobody's any more.
func (s *batchSpec) Stop() error {
	err := s.batches.Stop()
	s.show(func() {})
	if innerErr := s.ackRuns.Stop(); err == nil {
		err = innerErr
	}
	return err
}

// show hides what was shown before.
func (s *batchSpec) show(hide func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hide()
	s.hide = hide
}

// failure returns that of the run for which the stream is opened.
func (s *batchSpec) failure() *failure {
	if run := s.batches.run(); run != nil {
		return &run.failure
	}
	return new(failure) // not of Run's making, which resets before
}

// finish waits for the batch in hand, so that its cursor is set before Run flushes.
func (s *batchSpec) finish() error {
	return s.batches.run().end(context.Background(), batchFinish)
}

// batchStore is the store of a batchSpec.
type batchStore struct {
	ackStore
	spec *batchSpec
}

// GetCursor waits for what is left of the run before, as Run reads the cursor before it resets the consumer: a batch that
// was acknowledged after that would be handled again.
func (s *batchStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	if err := s.spec.batches.run().end(ctx, 0); err != nil {
		return "", err
	}
	return s.ackStore.GetCursor(ctx, consumerName)
}
