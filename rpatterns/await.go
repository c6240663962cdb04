package rpatterns

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/kreflex/kreflex/internal/growth"
	"github.com/kreflex/kreflex/reflex"
)

const (
	awaitPollPeriod = time.Second
	// awaitOpening is how long the first poll waits for the stream to be open. An event before that is
	// found by the poll only, so a poll before that would have to be repeated.
	awaitOpening = 50 * time.Millisecond
	// awaitPollGap is the least time between a poll and one that follows because the stream was opened.
	awaitPollGap = 100 * time.Millisecond
	// awaitLeaving is how long Await waits for a call in hand, once it knows what to return.
	awaitLeaving = 100 * time.Millisecond

	awaitFirstRetry   = 100 * time.Millisecond
	awaitLongestRetry = 10 * time.Second
)

// Await returns nil when an event with the foreign ID and one of the types comes from the head of
// the stream, or when pollFn returns true. Without types any type will do.
//
// It is for waiting for a state that is reached with an event: pollFn asks for the state, as the
// event may have come before. It is called once the stream is open, or hasn't been for 50 ms, and then each
// second, and whenever the stream was opened anew.
//
// A stream that fails is opened again, after 100 ms, then twice that each time up to 10 s, for pollFn can still
// answer. An error of pollFn ends Await. It is returned as it is, or that of the stream is, if the stream had failed
// before and brought no event since. When in is done, its error is returned.
//
// The stream is closed, and nothing is left running when Await returns, unless a call doesn't obey its
// context, or is to pollFn, which has none. Such a call is waited for 100 ms, and then left to end by itself.
func Await(in context.Context, stream reflex.StreamFunc, pollFn func() (bool, error),
	foreignID string, eventTypes ...reflex.EventType,
) error {
	if err := in.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(in)
	a := &await{
		stream:    stream,
		pollFn:    pollFn,
		foreignID: foreignID,
		types:     eventTypes,
		opened:    make(chan struct{}, 1),
	}
	heard := goResult(func() error { return a.listen(ctx) })
	polled := goResult(func() error { return a.poll(ctx) })

	var err error
	select {
	case err = <-heard:
		cancel()
		leave(polled)
	case err = <-polled:
		if err != nil {
			err = a.reason(in, err)
		}
		cancel()
		leave(heard)
	case <-in.Done():
		cancel()
		// Also what was found in the same moment is an answer, but in's owner doesn't wait for one.
		err = in.Err()
		leave(heard, polled)
	}
	return err
}

// goResult calls fn in a goroutine, which never waits for somebody to take the result.
func goResult(fn func() error) <-chan error {
	res := make(chan error, 1)
	go func() { res <- fn() }()
	return res
}

// leave waits for the results, but not long.
func leave(results ...<-chan error) {
	timer := time.NewTimer(awaitLeaving)
	defer timer.Stop()
	for _, res := range results {
		select {
		case <-res: //nolint:errcheck // What Await returns is decided.
		case <-timer.C:
			return
		}
	}
}

// await is one call of Await. The listener and the poller have a goroutine each.
type await struct {
	stream    reflex.StreamFunc
	pollFn    func() (bool, error)
	foreignID string
	types     []reflex.EventType

	// opened has an element when the stream was opened, or couldn't be the first time, since the last poll began.
	opened chan struct{}

	mu  sync.Mutex
	err error // of the stream, until it brings an event
}

// listen returns nil when the event came, or the error of ctx.
func (a *await) listen(ctx context.Context) error {
	retry := growth.New(awaitFirstRetry, awaitLongestRetry, 0, 0)
	failures := 0
	for first := true; ; first = false {
		err := a.listenOnce(ctx, func() { failures = 0 })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.fail(err)
		if first {
			a.notify() // the first poll need not wait any longer
		}
		failures++
		if err := growth.Wait(ctx, retry.Next(failures)); err != nil {
			return err
		}
	}
}

// listenOnce opens the stream and returns nil when the event came, or what ended it. It calls
// alive for each event.
func (a *await) listenOnce(ctx context.Context, alive func()) error {
	client, err := a.stream(ctx, "", reflex.WithStreamFromHead())
	if err != nil {
		return err
	}
	// A client may be one that only its Close ends. It is closed once, by whoever is first.
	closeClient := sync.OnceFunc(func() {
		if closer, ok := client.(io.Closer); ok {
			_ = closer.Close() // the answer is known, or the stream opened again: nothing depends on it
		}
	})
	defer closeClient()
	defer context.AfterFunc(ctx, closeClient)()

	a.notify()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := client.Recv()
		if err != nil {
			return err
		}
		if e == nil {
			return reflex.ErrNoEvent
		}
		a.fail(nil)
		alive()
		if a.wants(e) {
			return nil
		}
	}
}

func (a *await) wants(e *reflex.Event) bool {
	if e.ForeignID != a.foreignID {
		return false
	}
	return len(a.types) == 0 || e.Type != nil && reflex.IsAnyType(e.Type, a.types...)
}

// poll returns nil when pollFn said true, its error, or that of ctx.
func (a *await) poll(ctx context.Context) error {
	if err := a.pause(ctx, awaitOpening, 0); err != nil {
		return err
	}
	for {
		found, err := a.pollFn()
		if err != nil || found {
			return err
		}
		if err := a.pause(ctx, awaitPollPeriod, awaitPollGap); err != nil {
			return err
		}
	}
}

// pause waits for d, or until the stream is opened but at least for gap.
func (a *await) pause(ctx context.Context, d, gap time.Duration) error {
	start := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-a.opened:
		if err := growth.Wait(ctx, gap-time.Since(start)); err != nil {
			return err
		}
	}
	// What was opened before the poll that now follows needs no poll of its own.
	select {
	case <-a.opened:
	default:
	}
	return ctx.Err()
}

func (a *await) notify() {
	select {
	case a.opened <- struct{}{}:
	default:
	}
}

func (a *await) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// reason returns why Await can't succeed any more, as polling ended with err.
func (a *await) reason(in context.Context, err error) error {
	if in.Err() != nil {
		return in.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err // it was first
	}
	return err
}
