package reflextest

import (
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	defaultTimeout = 30 * time.Second
	defaultPrompt  = 2 * time.Second

	// silence is how long nothing must happen to count as waiting. It is only
	// ever waited for in full when all is well, and by nothing whose outcome
	// depends on it: a slow machine makes a case weaker, never red.
	silence = 50 * time.Millisecond

	// pollPause is between two looks at something that is due.
	pollPause = 10 * time.Millisecond
)

// testCase is one sentence of the contract and the code that checks it. E is
// the environment that the cases of a suite run in.
type testCase[E environment] struct {
	name     string
	contract string
	needs    []capability
	run      func(env E)
}

// capability is what a backend must be able to do for a case, told as the
// reason to skip the case where it cannot.
type capability string

type environment interface{ can(capability) bool }

// needsOf shortens the tables of cases.
func needsOf(needs ...capability) []capability { return needs }

// check runs the case in an environment that setup makes, unless it lacks a
// capability.
func (c testCase[E]) check(tb testing.TB, setup func(tb testing.TB) E) {
	tb.Helper()
	// A cleanup, and the first, so that it also sees what fails in the others.
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("the contract is: %s", c.contract)
		}
	})
	env := setup(tb)
	for _, need := range c.needs {
		if !env.can(need) {
			tb.Skip(string(need))
		}
	}
	c.run(env)
}

// within calls f and fails the test if it doesn't return in time or panics. In
// the first case its goroutine is left behind, as nothing can end it.
func within(tb testing.TB, limit time.Duration, what string, f func()) {
	tb.Helper()
	begin(f).wait(tb, limit, what)
}

// pending is a call that runs in a goroutine of its own.
type pending struct {
	done  chan struct{}
	panic string // valid once done
}

func begin(f func()) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer func() {
			if reason := recover(); reason != nil {
				p.panic = fmt.Sprintf("%v\n%s", reason, debug.Stack())
			}
		}()
		f()
	}()
	return p
}

// wait fails the test if the call doesn't end well and in time.
func (p *pending) wait(tb testing.TB, limit time.Duration, what string) {
	tb.Helper()
	if problem := p.outcome(limit); problem != "" {
		require.FailNow(tb, what+problem)
	}
}

// outcome says how the call did not end well, or "" if it did.
func (p *pending) outcome(limit time.Duration) string {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		if p.panic != "" {
			return " panicked: " + p.panic
		}
		return ""
	case <-timer.C:
		return fmt.Sprintf(" did not return within %s", limit)
	}
}

// blocks reports whether the call is still going after a while.
func (p *pending) blocks() bool {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	select {
	case <-p.done:
		return false
	case <-timer.C:
		return true
	}
}

// eventually polls until ok is true, and fails the test if that takes too long.
func eventually(tb testing.TB, limit time.Duration, what string, ok func() bool) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(pollPause)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			require.FailNow(tb, what+" did not happen", "within %s", limit)
		}
	}
}
