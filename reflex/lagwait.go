package reflex

import (
	"context"
	"time"
)

// lagWait holds events back until they are old enough. The zero value doesn't.
type lagWait struct {
	lag time.Duration
}

// until returns when the event is old enough, or with the error of the context.
func (w lagWait) until(ctx context.Context, e *Event) error {
	if w.lag <= 0 {
		return nil
	}
	delay := w.lag - time.Since(e.Timestamp)
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
