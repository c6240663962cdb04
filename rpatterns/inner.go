package rpatterns

import (
	"context"

	"github.com/kreflex/kreflex/reflex"
)

// resetInner resets a consumer that a pattern wraps, in the way Run would: a pattern that
// hid the Reset and the Stop of what it wraps would leave its state and its metrics behind.
func resetInner(ctx context.Context, c reflex.Consumer) error {
	switch r := c.(type) {
	case reflex.ResetterCtx:
		return r.Reset(ctx)
	case interface{ Reset() error }:
		return r.Reset()
	default:
		return nil
	}
}

// stopInner stops a consumer that a pattern wraps, if it is a Stopper.
func stopInner(c reflex.Consumer) error {
	if s, ok := c.(reflex.Stopper); ok {
		return s.Stop()
	}
	return nil
}
