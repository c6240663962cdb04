package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// Backoff is the pause between attempts: it doubles from 20 ms up to 1 s. The
// zero value is ready. It is for one goroutine.
type Backoff struct{ attempts int }

// Reset starts anew, after something went well.
func (b *Backoff) Reset() { b.attempts = 0 }

// Wait pauses before the next attempt, or returns the error of ctx as soon as
// it is done.
func (b *Backoff) Wait(ctx context.Context) error {
	b.attempts++
	timer := time.NewTimer(pause(b.attempts, rand.Float64()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause returns the pause before a retry, from 1. It is taken from the upper half,
// so that clients that failed together don't all come back together, and
// nobody comes back at once.
func pause(attempt int, random float64) time.Duration {
	full := maxPause
	if shift := attempt - 1; shift < 6 { // 20 ms << 6 is over the limit
		full = minPause << max(shift, 0)
	}
	return full/2 + time.Duration(random*float64(full/2))
}
