package main

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
)

// every calls do again and again, until ctx ends, do fails, or the function is
// called that it returns: that ends a call in hand, waits for it, and returns the
// first failure.
func every(ctx context.Context, interval time.Duration, do func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-ticker.C:
			}
			if err := do(ctx); err != nil {
				if errors.Is(err, ctx.Err()) {
					err = nil // it was stopped
				}
				done <- err
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}
