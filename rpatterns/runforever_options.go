package rpatterns

import (
	"time"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

const (
	defaultRunPause      = time.Second
	defaultExpectedPause = 100 * time.Millisecond
	defaultLongestPause  = time.Minute
	minRunPause          = time.Millisecond
)

// RunForeverOption is an option of RunForever. Of two that set the same thing, the later one holds.
type RunForeverOption func(*runForeverConfig)

// RunPolicy decides what RunForever does after a run that ended with err, while its context is
// live: how long to wait, and whether to run again. failures is how many runs in a row made no
// progress, this one included; it is 1 after one that did.
//
// A wait of less than 1 ms is 1 ms.
type RunPolicy func(err error, failures int) (wait time.Duration, again bool)

// WithRunBackoff sets the first and the longest pause between runs. The pause doubles from one to
// the other. After an expected error the first is 100 ms, if initial is not shorter.
// The defaults, also for values that are not positive, are 1 second and 1 minute.
func WithRunBackoff(initial, longest time.Duration) RunForeverOption {
	return func(c *runForeverConfig) {
		c.policy = backoffPolicy(growth.New(initial, longest, defaultRunPause, defaultLongestPause))
	}
}

// WithRunPolicy sets what is asked after each run whose context is live. It takes the place of the
// backoff. It is not asked about runs whose context is done: then getCtx is.
//
// To end with the first unexpected error, for instance, and let whoever started the program see to it:
//
//	rpatterns.WithRunPolicy(func(err error, failures int) (time.Duration, bool) {
//		return time.Second, reflex.IsExpected(err)
//	})
func WithRunPolicy(policy RunPolicy) RunForeverOption {
	return func(c *runForeverConfig) { c.policy = policy }
}

type runForeverConfig struct {
	policy RunPolicy
}

func newRunForeverConfig(opts []RunForeverOption) runForeverConfig {
	var c runForeverConfig
	WithRunBackoff(0, 0)(&c)
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// backoffPolicy always runs again, after a pause that grows.
func backoffPolicy(g growth.Plan) RunPolicy {
	expected := g
	expected.Initial = min(g.Initial, defaultExpectedPause)
	return func(err error, failures int) (time.Duration, bool) {
		if reflex.IsExpected(err) {
			return expected.Next(failures), true
		}
		return g.Next(failures), true
	}
}
