package kafkacursor

import "context"

// release writes what is pending of a cursor, and ends its ownership.
func (s *Store) release(ctx context.Context, sl *slot) error {
	err := s.flushAll(ctx, []*slot{sl})
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.timeout)
	defer cancel()
	// A transaction that is under way has its own time limit, which is not longer.
	if lockErr := sl.lock(bounded); lockErr != nil {
		return waitError(ctx, s.topic, lockErr)
	}
	sl.mu.Lock()
	wasLost := sl.cell.state == lost || sl.cell.state == gone
	sl.cell.release()
	sl.mu.Unlock()
	sl.closeFence()
	sl.unlock()
	s.writer.done.change() // for others who wait for it
	if wasLost {
		return nil // what was there to write, its owner has
	}
	return err
}
