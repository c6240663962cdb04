package kafkarun

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// laneStore is the cursor store of a lane: that of its partition, until the partition is somebody else's.
type laneStore struct {
	lane  *lane
	store reflex.CursorStore
}

var _ reflex.CursorStore = (*laneStore)(nil)

func (s *laneStore) GetCursor(ctx context.Context, consumerName string) (string, error) {
	if err := s.refused(); err != nil {
		return "", err
	}
	cursor, err := s.store.GetCursor(ctx, consumerName)
	if err == nil {
		s.lane.at.resume(cursor)
	}
	return cursor, err
}

// SetCursor is on the way of each event.
func (s *laneStore) SetCursor(ctx context.Context, consumerName, cursor string) error {
	if err := s.refused(); err != nil {
		return err
	}
	if err := s.store.SetCursor(ctx, consumerName, cursor); err != nil {
		return err
	}
	s.lane.at.consumed(cursor)
	return nil
}

// Flush doesn't wait for the cursors of a partition that was lost: they count for less than those of its
// owner, and it may be for want of a broker that it was lost.
func (s *laneStore) Flush(ctx context.Context) error {
	if s.lane.gone.isSet() {
		return nil
	}
	return s.store.Flush(ctx)
}

// refused returns an error once the partition is somebody else's.
func (s *laneStore) refused() error {
	if !s.lane.gone.isSet() {
		return nil
	}
	return &Error{
		Kind: ErrReleased, About: about(s.lane.partition), Asked: "its cursor to be read or set",
		Do: "return when the context is done: the event comes again to the partition's owner",
	}
}

// releaser is a store that can be told that a cursor is no longer ours, as those of kafkacursor are: the next owner
// is then nobody to complain of.
type releaser interface {
	Release(ctx context.Context, consumerName string) error
}

// release lets go of the cursor. Nothing is set any more after that.
func (s *laneStore) release(ctx context.Context, consumerName string) error {
	s.lane.gone.set()
	if r, ok := s.store.(releaser); ok {
		return r.Release(ctx, consumerName)
	}
	return nil
}

// abandon is release of what is somebody else's already: nothing is written any more.
func (s *laneStore) abandon(consumerName string) {
	r, ok := s.store.(releaser)
	if !ok {
		return
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Release(done, consumerName) // that it did not wait
}
