package kafkastream

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

// stream is an open stream. One goroutine, the fetcher, reads ahead by one batch;
// Recv takes the events out of the batch in hand.
type stream struct {
	partition *Partition
	options   reflex.StreamOptions

	ctx    context.Context // that of the StreamFunc until Close, as Recv has none
	cancel context.CancelFunc
	parent context.Context // to tell its end from Close
	closed atomic.Bool
	done   chan struct{} // closed when the fetcher is gone

	position string // after which it began, or empty
	progress atomic.Pointer[Progress]

	batches chan batch
	// demand asks for a fetch that begins now, with StreamToHead only. The
	// fetcher takes it once it has found nothing more.
	demand chan struct{}

	// Of Recv.
	events []reflex.Event // of the batch in hand, not yet delivered
	tail   error          // what comes behind them
	err    error          // what Recv returns from now on
}

var (
	_ reflex.StreamClient = (*stream)(nil)
	_ reflex.Positioner   = (*stream)(nil)
	_ Progresser          = (*stream)(nil)
	_ io.Closer           = (*stream)(nil)
)

func newStream(
	ctx context.Context, p *Partition, client *kafka.Client, log partition.Log, inc *incarnation, from start,
) *stream {
	s := &stream{
		partition: p,
		options:   from.options,
		parent:    ctx,
		done:      make(chan struct{}),
		batches:   make(chan batch),
		demand:    make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	f := &fetcher{stream: s, client: client, inc: inc, log: log, from: from}
	s.position = f.position()
	f.decoder = newBatchDecoder(p.config.decoder, inc)
	f.seek(f.first())
	go f.run()
	return s
}

// Position returns the offset before the first one that is read, as a cursor store takes it: see
// reflex.Positioner. It is "-1" at the start of a log that nothing was removed from. A stream opened at
// the start has none, as that may move.
func (s *stream) Position() (string, bool) { return s.position, s.position != "" }

// Recv returns the next event. It returns ErrHeadReached, the error of the
// stream's context, or an *Error, and from then on always the same.
func (s *stream) Recv() (*reflex.Event, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.ctx.Err() != nil {
		return nil, s.end(s.stopped())
	}
	for len(s.events) == 0 {
		if s.tail != nil {
			return nil, s.end(s.tail)
		}
		if err := s.refill(); err != nil {
			return nil, s.end(err)
		}
	}
	event := &s.events[0]
	if s.options.Lag > 0 {
		if err := s.hold(event); err != nil {
			return nil, s.end(err)
		}
	}
	s.events = s.events[1:]
	return event, nil
}

// end latches the error and lets go of what would not be delivered any more.
func (s *stream) end(err error) error {
	s.err = err
	s.events, s.tail = nil, nil
	s.cancel()
	return err
}

// stopped is why the context of the stream is done.
func (s *stream) stopped() error {
	if s.closed.Load() {
		return s.partition.error(ErrClosed)
	}
	return s.parent.Err()
}

// refill takes the next batch in hand.
func (s *stream) refill() error {
	var b batch
	demand := s.demand
	if !s.options.StreamToHead {
		demand = nil
	}
	for {
		select {
		case b = <-s.batches:
		case demand <- struct{}{}:
			demand = nil // the fetch that begins now will do
			continue
		case <-s.ctx.Done():
			return s.stopped()
		}
		break
	}
	s.events, s.tail = b.events, b.err
	if b.head {
		s.tail = reflex.ErrHeadReached
	}
	return nil
}

// hold waits until the event is old enough to be delivered.
func (s *stream) hold(event *reflex.Event) error {
	for {
		wait := untilOldEnough(time.Since(event.Timestamp), s.options.Lag)
		if wait == 0 {
			return nil
		}
		if s.options.StreamToHead {
			return reflex.ErrHeadReached // nothing is available yet
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return s.stopped()
		}
	}
}

// Close ends the stream and returns when nothing of it is left. It is prompt,
// may be called while Recv waits, and again. It returns nil.
func (s *stream) Close() error {
	s.closed.Store(true)
	s.cancel()
	<-s.done
	return nil
}
