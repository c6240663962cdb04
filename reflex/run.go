package reflex

import (
	"context"
	"slices"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// Run consumes the spec's stream until something ends it, and returns what did. It
// never returns nil. In order, it
//
//  1. gets the consumer's cursor,
//  2. resets the consumer, if it is a ResetterCtx or has Reset() error,
//  3. opens the stream after the cursor,
//  4. for each event: waits for the lag, if there is one, consumes the event, and
//     sets the cursor to its ID,
//  5. and finally closes the stream, if it is an io.Closer, flushes the store, and only
//     then cancels the context that it gave to all of them.
//
// On an error of the consumer, or a panic, which becomes a *PanicError, the cursor stays
// before the event, so that the next Run starts with it. Run does not stop the consumer: see
// Spec.Stop.
//
// When in is done, Run ends with its error as soon as the call in hand returns, which
// is for Recv, Consume and SetCursor to do soon. Between events it looks itself.
//
// Closing and flushing happen however Run ends. Each is given 10 seconds; the context of Flush
// has the values of in, but not its end. One that takes longer is left running
// in its goroutine, so a store or a client that ignores its context may
// still be at work when Run has returned. What fails there is added to the
// error as a *CleanupError, after the reason why Run ended.
//
// The context that the consumer gets has the jettison log keys consumer, event_fid and event_id.
//
// A lag is Run's business: the StreamFunc gets all options, but none that
// yields a lag.
func Run(in context.Context, s Spec) (err error) {
	ctx, cancel := context.WithCancel(in)
	defer cancel()

	var client StreamClient
	// Deferred, as it must also happen when a client or a store panics.
	defer func() {
		closeErr := closeStream(client)
		flushErr := flushStore(ctx, s.cStore)
		err = joinCleanup(err, closeErr, flushErr)
	}()

	name := s.consumer.Name()
	cursor, err := s.cStore.GetCursor(ctx, name)
	if err != nil {
		return errors.Wrap(err, "get cursor error")
	}
	if err := reset(ctx, s.consumer); err != nil {
		return errors.Wrap(err, "reset error")
	}
	opts, wait := splitLag(s.opts)
	client, err = s.stream(ctx, cursor, opts...)
	if err != nil {
		// A stream returned with an error is not ours to close.
		client = nil
		return err
	}
	return consumeAll(ctx, s, name, client, wait)
}

// consumeAll consumes events until the first error.
//
//nolint:contextcheck // The contexts of events are derived from ctx, in a way that the linter can't see.
func consumeAll(ctx context.Context, s Spec, name string, client StreamClient, wait lagWait) error {
	contexts := newEventContexts(ctx, name)
	for {
		// A client that ignores its context must not keep us going.
		if err := ctx.Err(); err != nil {
			return errors.Wrap(err, "recv error")
		}
		e, err := client.Recv()
		if err == nil && e == nil {
			err = ErrNoEvent
		}
		if err != nil {
			return errors.Wrap(err, "recv error")
		}

		eventCtx := contexts.next(e)
		if err := wait.until(eventCtx, e); err != nil {
			return err
		}
		if err := consumeSafely(eventCtx, s.consumer, e); err != nil {
			return errors.Wrap(err, "consume error", eventKeys(name, e))
		}
		if err := s.cStore.SetCursor(eventCtx, name, e.ID); err != nil {
			return errors.Wrap(err, "set cursor error", eventKeys(name, e))
		}
	}
}

// consumeSafely guards against a panic of consumers that are not NewConsumer's.
func consumeSafely(ctx context.Context, c Consumer, e *Event) (err error) {
	defer recoverTo(&err, "consumer")
	return c.Consume(ctx, e)
}

func eventKeys(consumer string, e *Event) j.MKS {
	return j.MKS{keyConsumer: consumer, keyEventFID: e.ForeignID, keyEventID: e.ID}
}

func reset(ctx context.Context, c Consumer) error {
	switch r := c.(type) {
	case ResetterCtx:
		return r.Reset(ctx)
	case resetter:
		return r.Reset()
	default:
		return nil
	}
}

// splitLag returns the options for the stream, and the lag that Run has to see to.
// The options are a copy: a StreamFunc may do with them what it likes.
func splitLag(opts []StreamOption) ([]StreamOption, lagWait) {
	lag := ResolveOptions(opts...).Lag
	opts = slices.Clone(opts)
	if lag <= 0 {
		return opts, lagWait{}
	}
	// The options stay whole, as one may set more than a lag.
	return append(opts, WithStreamLag(0)), lagWait{lag: lag}
}
