package rpatterns

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

// RunForever runs the spec again and again, each time with a context that getCtx returns, and with
// a pause after each run. It returns when getCtx returns a context that is
// already done, which it is asked for twice, or when the policy says so.
//
// getCtx may block, such as until this instance is the leader. When the context it returned is done, the
// run ends and getCtx is asked for the next one, without a pause. To end RunForever
// let getCtx return a context that is done: the usual getCtx, which derives each context
// from that of the program, does. A lease that is lost the moment it is granted looks the same, but
// only once: that is why it is asked a second time.
//
// What ends a run is logged as an error, with the text "run forever error: ...", except
// for what reflex.IsExpected says is part of life, and ErrHeadReached. The spec
// is stopped right after each run and before the pause, so that its metrics and goroutines don't
// outlive the run.
//
// The pause is 100 ms after an expected error, 1 second after any other. It doubles with each run in a row
// that made no progress, up to a minute, and is spread by 20 %, so that what failed together doesn't come back together. It ends
// with the context of the run. A run made progress if it failed at another event than
// the run before or, where it was no event that failed, took longer than the pause before it. See WithRunBackoff
// and WithRunPolicy.
//
// The jettison log key consumer is in the context of each run.
//
// It blocks, and starts no goroutine.
func RunForever(getCtx func() context.Context, req reflex.Spec, opts ...RunForeverOption) {
	conf := newRunForeverConfig(opts)
	var history runHistory
	for {
		ctx, ok := liveContext(getCtx)
		if !ok {
			return
		}
		ctx = log.ContextWith(ctx, j.KS("consumer", req.Name()))

		start := time.Now()
		err := reflex.Run(ctx, req)
		history.note(err, time.Since(start))
		report(ctx, err)
		if err := req.Stop(); err != nil {
			log.Error(ctx, errors.Wrap(err, "run forever stop error"))
		}

		if ctx.Err() != nil {
			// It was not the spec that failed: whoever owns the context ended the run.
			history = runHistory{}
			continue
		}
		pause, again := conf.policy(err, history.failures)
		if !again {
			return
		}
		// A policy of no pause must not keep a processor busy with what fails at once.
		history.paused = max(pause, minRunPause)
		if growth.Wait(ctx, history.paused) != nil {
			history = runHistory{}
		}
	}
}

// liveContext returns a context that is not done, if there still is one.
func liveContext(getCtx func() context.Context) (context.Context, bool) {
	for range 2 {
		if ctx := getCtx(); ctx.Err() == nil {
			return ctx, true
		}
	}
	return nil, false
}

func report(ctx context.Context, err error) {
	if reflex.IsExpected(err) || onlyHeadReached(err) {
		return
	}
	log.Error(ctx, errors.Wrap(err, "run forever error"))
}

// onlyHeadReached reports whether the run came to the head and ended cleanly. A flush that failed
// on the way out must be seen.
func onlyHeadReached(err error) bool {
	var cleanup *reflex.CleanupError
	return reflex.IsHeadReachedErr(err) && !errors.As(err, &cleanup)
}

// runHistory is what RunForever knows of the runs before.
type runHistory struct {
	// failures is how many runs in a row made no progress, or 1 after one that did.
	failures int
	// event is the one that was last failed to be consumed, "" if none was.
	event string
	// paused is how long the pause before the last run was.
	paused time.Duration
}

// note adds a run.
func (h *runHistory) note(err error, took time.Duration) {
	// The key is there when an event could not be consumed, or its cursor not be set. Of two
	// runs that failed at two events the second one consumed the first. Otherwise time has to tell.
	event := errors.GetKeyValues(err)["event_id"]
	progress := took > h.paused
	if event != "" {
		progress = event != h.event
		h.event = event
	}
	if progress {
		h.failures = 0
	}
	h.failures++
}
