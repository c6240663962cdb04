package kafkarun

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/jettison/log"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

// lane is one ownership of a partition: from being handed it to having let go of it. It has one goroutine, which
// runs the consumer again and again.
type lane struct {
	session   *session
	partition *kafkastream.Partition
	number    int32

	// before is closed when the lane that had the partition before, in this process, is gone: two must not be at
	// work on one partition, even if one of them is late.
	before <-chan struct{}
	done   chan struct{} // closed when this lane is gone
	clear  chan struct{} // closed when those before it are gone too

	//nolint:containedctx // the life of the ownership, which no single call has
	ctx    context.Context // that the logic gets; outlives intake by the drain time
	cancel context.CancelFunc
	intake context.Context // done when no further event is to be taken in hand
	close  context.CancelFunc
	gone   flag // the partition is no longer ours: nothing is set any more

	at progress

	mu       sync.Mutex
	store    *laneStore
	open     *laneStream // of the run that goes on, or nil
	name     string      // of the consumer
	state    State
	since    time.Time
	err      error // that ended the last run, nil once an event was consumed after it
	errAt    time.Time
	failures int // in a row
	total    int // failures at all

	failingSince time.Time // the first of those in a row
	watched      watched
}

func newLane(s *session, number int32, before <-chan struct{}) *lane {
	l := &lane{
		session: s, partition: s.runner.topic.Partition(number), number: number, before: before,
		done: make(chan struct{}), clear: make(chan struct{}), state: Starting, since: time.Now(),
	}
	l.at.reset()
	l.ctx, l.cancel = context.WithCancel(s.values)
	l.intake, l.close = context.WithCancel(context.Background())
	return l
}

// live is the goroutine of the lane.
func (l *lane) live() {
	l.run()
	close(l.done)
	if l.before != nil {
		<-l.before // it may have been let go of while it was waiting
	}
	close(l.clear)
}

// run owns the partition until the intake is closed.
func (l *lane) run() {
	defer l.close()
	defer l.cancel()
	defer l.become(Released, nil)
	if l.before != nil {
		select {
		case <-l.before:
		case <-l.intake.Done():
			return
		}
	}
	store := &laneStore{lane: l, store: l.session.runner.cursors.For(l.partition)}
	ctx := log.ContextWith(l.ctx, j.MKV{"topic": l.partition.Topic(), "partition": l.number})
	spec, ok := l.makeSpec(ctx, store)
	if !ok {
		return
	}
	l.mu.Lock()
	l.name, l.store = spec.Name(), store
	l.mu.Unlock()
	ctx = log.ContextWith(ctx, j.KS("consumer", spec.Name()))
	for !l.stopping() {
		err := reflex.Run(ctx, spec)
		if stopErr := spec.Stop(); stopErr != nil {
			l.report(ctx, "stop consumer", stopErr)
		}
		if l.stopping() {
			l.release(ctx, store, err)
			return
		}
		if !l.pause(l.fail(ctx, err)) {
			break
		}
	}
	l.release(ctx, store, nil)
}

// makeSpec makes the spec of the partition. A panic of the user's function is a failure like those of logic: it is
// tried again. It reports false when the partition is let go of meanwhile.
func (l *lane) makeSpec(ctx context.Context, store *laneStore) (reflex.Spec, bool) {
	for {
		spec, err := l.trySpec(store)
		if err == nil {
			return spec, true
		}
		if !l.pause(l.fail(ctx, err)) { //nolint:contextcheck // an ownership lives as long as the partition is ours
			return reflex.Spec{}, false
		}
	}
}

func (l *lane) trySpec(store *laneStore) (spec reflex.Spec, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &reflex.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	spec = l.session.runner.spec(Part{
		Topic: l.partition.Topic(), Partition: l.number, Group: l.session.runner.config.group, Log: l.partition, Stream: l.stream, Cursors: store,
	})
	_ = spec.Name() // which panics if it is not one
	return spec, nil
}

// stopping reports whether no further event is to be taken in hand.
func (l *lane) stopping() bool { return l.intake.Err() != nil }

// whileTaking returns a context that is also done when no further event is to be taken in hand. The
// function ends it.
func (l *lane) whileTaking(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.intake, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// check ends the run if somebody else has set the cursor, or it can't be written: an idle consumer would only find out with its next event,
// and an operator who sends it back to consume events again would wait for that.
func (l *lane) check(ctx context.Context) {
	l.mu.Lock()
	store, open := l.store, l.open
	l.mu.Unlock()
	if open == nil {
		return
	}
	// Nothing is pending of one that is idle, so that this asks nobody.
	bounded, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	err := store.Flush(bounded)
	if err != nil && bounded.Err() == nil {
		open.interrupt(err) // which SetCursor would have returned with the next event
	}
}

const checkTimeout = 100 * time.Millisecond

// release is the end of the last run, which ended with err if there was one. What could not be flushed then comes again, to the next
// owner.
func (l *lane) release(ctx context.Context, store *laneStore, err error) {
	if l.gone.isSet() {
		// It was taken away, and is no failure of ours.
		store.abandon(l.name) //nolint:contextcheck // nothing is waited for
		return
	}
	if reflex.IsExpected(err) && !isUnclean(err) {
		err = nil
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if releaseErr := store.release(bounded, l.name); err == nil {
		err = releaseErr
	}
	if err != nil {
		l.report(ctx, "release partition", err)
	}
}

// releaseTimeout bounds what comes after the last run, which has flushed already.
const releaseTimeout = 2 * time.Second

// isUnclean reports whether a run could not flush or close in the end.
func isUnclean(err error) bool {
	var cleanup *reflex.CleanupError
	return errors.As(err, &cleanup)
}

// fail notes why a run ended, and returns how long to wait before the next.
func (l *lane) fail(ctx context.Context, err error) time.Duration {
	c := l.session.runner.config
	failures := l.note(err)
	if isPermanent(err) {
		l.become(Parked, err)
		l.report(ctx, "partition is parked", err)
		return growth.Plan{Initial: c.parked, Longest: c.parked}.Next(1)
	}
	l.become(Retrying, err)
	if !reflex.IsExpected(err) && !reflex.IsHeadReachedErr(err) {
		l.report(ctx, "partition failed", err)
	}
	return c.retry.Next(failures)
}

// note counts a failure, and returns how many there were without progress in between.
func (l *lane) note(err error) int {
	progressed := l.at.takeProgress()
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if progressed || l.failures == 0 {
		l.failures, l.failingSince = 0, now
	}
	l.failures++
	l.total++
	l.err, l.errAt = err, now
	return l.failures
}

// pause waits before the next run, and where ownership is in doubt until it isn't. It reports false when the
// partition is to be let go of.
func (l *lane) pause(d time.Duration) bool {
	if growth.Wait(l.intake, d) != nil {
		return false
	}
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	if isTakenOver(err) && !l.confirm() {
		return false
	}
	l.become(Starting, nil)
	return true
}

// confirm waits until the group says that this member is still one. Somebody else has the cursor: either an operator
// set it, or we were away for so long that the partition has another owner, and will hear so in a moment. Taking the
// cursor back from that owner would only have both of them consume the same events.
func (l *lane) confirm() bool {
	m := l.session.member.Load()
	if m == nil {
		return true
	}
	l.become(Unconfirmed, nil)
	ctx, end := l.whileTaking(l.ctx)
	defer end()
	for {
		err := m.confirm(ctx)
		if l.stopping() {
			return false
		}
		if err == nil {
			return true
		}
		if growth.Wait(ctx, confirmPause) != nil {
			return false
		}
	}
}

const confirmPause = 200 * time.Millisecond

// become changes the state.
func (l *lane) become(state State, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == state || l.state == Released || l.stopping() && state != Draining && state != Released {
		return
	}
	l.state, l.since = state, time.Now()
	if err != nil {
		l.err = err
	}
}

// stop lets go of the partition, and returns what is not as it should be. It is bounded by the drain time and
// cancelGrace.
func (l *lane) stop() error {
	l.become(Draining, nil)
	l.close()
	if l.await(l.session.runner.config.drain) {
		return nil
	}
	l.cancel()
	if l.await(cancelGrace) {
		return nil
	}
	l.gone.set()
	return &Error{
		Kind: ErrNotReleased, About: about(l.partition), Found: "logic that ignores its context",
		Do: "have it return when its context is done; its event will come again",
	}
}

// lose is stop of a partition that is somebody else's already: there is nothing to finish, and nothing to keep.
func (l *lane) lose() {
	l.gone.set()
	l.close()
	l.cancel()
}

// await reports whether the lane was gone within d.
func (l *lane) await(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.done:
		return true
	case <-timer.C:
		return false
	}
}

// isPermanent reports whether somebody has to do something before the partition can be run.
func isPermanent(err error) bool {
	return kafkastream.IsPermanent(err) || kafkacursor.IsPermanent(err) || sqlcursor.IsPermanent(err)
}

// isTakenOver reports whether the cursor has another owner now, or may have.
func isTakenOver(err error) bool {
	return errors.IsAny(err,
		kafkacursor.ErrSuperseded, kafkacursor.ErrFenced, kafkacursor.ErrOwnershipUnknown, sqlcursor.ErrSuperseded)
}

// over reports whether nobody is at work on the partition any more, neither this lane nor one before it.
func (l *lane) over() bool {
	select {
	case <-l.clear:
		return true
	default:
		return false
	}
}
