package rpatterns

import (
	"context"
	"time"
)

// linger returns a context with the values of ctx that outlives it by grace: for finishing what is done but for
// being written down. While ctx lives it lives too, however long that is.
func linger(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	lingering, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(lingering, func() { timer.Stop() })
	})
	return lingering, func() {
		unlink()
		cancel()
	}
}
