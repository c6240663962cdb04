package kafkarun

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// stream is the StreamFunc of the lane: that of the partition, which ends with ErrStopped when no further event is to be
// taken in hand, and takes note of what is delivered.
func (l *lane) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	turn := l.session.opening
	select {
	case turn <- struct{}{}:
	case <-l.intake.Done():
		return nil, reflex.ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	inner, err := l.openStream(ctx, after, opts)
	<-turn
	if err != nil {
		return nil, err
	}
	l.at.open(inner.inner)
	l.mu.Lock()
	l.open = inner
	l.mu.Unlock()
	l.become(Running, nil)
	return inner, nil
}

func (l *lane) openStream(ctx context.Context, after string, opts []reflex.StreamOption) (*laneStream, error) {
	ctx, end := l.whileTaking(ctx)
	s := &laneStream{lane: l, end: end, ctx: ctx, member: l.session.member.Load()}
	inner, err := l.partition.Stream(ctx, after, opts...)
	if err != nil {
		s.end()
		return nil, s.reason(err)
	}
	s.inner = inner.(kafkastream.Progresser) //nolint:forcetypeassert // what Stream promises
	return s, nil
}

// laneStream is a stream of a lane.
type laneStream struct {
	lane  *lane
	inner kafkastream.Progresser
	//nolint:containedctx // that of the StreamFunc, as Recv has none
	ctx   context.Context
	end   func()
	cause atomic.Pointer[error] // why it was interrupted, or nil

	member *member // nil without a group
	count  uint    // of events
}

var (
	_ reflex.StreamClient = (*laneStream)(nil)
	_ reflex.Positioner   = (*laneStream)(nil)
	_ io.Closer           = (*laneStream)(nil)
)

// Recv is on the way of each event.
func (s *laneStream) Recv() (*reflex.Event, error) {
	e, err := s.inner.Recv()
	if err != nil {
		return nil, s.reason(err)
	}
	if s.count++; s.count%leaseCheck == 1 && s.member != nil && !s.member.lease.holds() {
		if err := s.member.renew(s.ctx); err != nil {
			return nil, s.reason(err)
		}
	}
	s.lane.at.deliver(e)
	return e, nil
}

// leaseCheck is how often it is seen whether the group still takes us for alive: looking at the clock for each event
// would be a tenth of what the event costs.
const leaseCheck = 8

// interrupt ends the stream with an error, also while Recv waits.
func (s *laneStream) interrupt(err error) {
	s.cause.CompareAndSwap(nil, &err)
	s.end()
}

// reason is ErrStopped where the stream ended because the partition is let go of. The logic's context is
// still live then, so an error of a context would be a riddle.
func (s *laneStream) reason(err error) error {
	if cause := s.cause.Load(); cause != nil {
		return *cause
	}
	if s.lane.stopping() && s.lane.ctx.Err() == nil {
		return reflex.ErrStopped
	}
	return err
}

func (s *laneStream) Position() (string, bool) {
	if p, ok := s.inner.(reflex.Positioner); ok {
		return p.Position()
	}
	return "", false
}

func (s *laneStream) Close() error {
	s.lane.mu.Lock()
	if s.lane.open == s {
		s.lane.open = nil
	}
	s.lane.mu.Unlock()
	defer s.end()
	if c, ok := s.inner.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
