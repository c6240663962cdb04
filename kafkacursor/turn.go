package kafkacursor

import "context"

// turn is a lock that is waited for as long as a context allows.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// lock takes the turn, or returns the error of ctx.
func (t turn) lock(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tryLock takes the turn if nobody has it.
func (t turn) tryLock() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) unlock() { <-t }
