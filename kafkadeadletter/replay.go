package kafkadeadletter

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// Replayed is what a Replay did.
type Replayed struct {
	// Done is how many letters were consumed and removed.
	Done int
	// Failed are those that could not be consumed. They stay.
	Failed []FailedLetter
	// Left is how many of those that Replay was to replay it didn't come to. They stay.
	Left int
}

// FailedLetter is a letter that could not be replayed, and why.
type FailedLetter struct {
	Key Key
	Err error
}

// Replay has the consumer consume the letters that it has in this log now, in order of the events' offsets, and
// removes each as soon as Consume has returned nil for it. The consumer gets the event as a stream of the log would
// deliver it, with the same ID, by reflex.Run: it is reset before, has the log keys in its context, and a panic
// is an error.
//
// A letter that can't be consumed stays. Replay then ends, because what follows may depend on it, unless told
// WithKeepGoing. Called again it goes on with what is left, so it may be ended at any time: by its context, or
// by a crash. A letter whose event was consumed and that was not yet removed is then consumed again.
//
// The consumer must be done when Consume returns nil, so not one that acknowledges, batches, or works concurrently, and must
// return its errors: one that dead-letters them writes the letter again, which Replay takes for the failure
// ErrWrittenAgain.
//
// It may run beside the consumer itself. Letters that are written meanwhile are left for the next
// Replay. Two replays of the same letters consume them twice.
//
// It returns nil if all letters were consumed, or removed by others. Otherwise it returns an *Error that is ErrReplay
// with the first failure as cause, the error of ctx, that of resetting the consumer, or an *Error of what was in the way. What was done by
// then is returned in any case.
func (l *Letters) Replay(ctx context.Context, consumer reflex.Consumer, opts ...ReplayOption) (Replayed, error) {
	c, err := resolveReplay(l.store.topic, consumer.Name(), opts)
	if err != nil {
		return Replayed{}, err
	}
	filter := Filter{
		Consumer: c.consumer, Topic: l.log.Topic(), Partitions: []int32{l.log.Partition()},
		From: c.from, Until: c.until,
	}
	var (
		done   Replayed
		result error
	)
	err = l.store.reading(ctx, filter.wants, func(ctx context.Context, r *reading) error {
		p := &replay{letters: l, reading: r, queue: r.sorted(c.limit)}
		result = p.run(ctx, consumer, c.keepGoing)
		done = p.done
		done.Left = len(p.queue)
		return p.broken
	})
	if err == nil {
		err = l.store.own(ctx, result)
	}
	return done, err
}

// replay is a stream of letters and the store of its cursor in one: setting the cursor removes the
// letter in hand. It is for the goroutine of Run.
type replay struct {
	letters *Letters
	reading *reading
	queue   []Key
	done    Replayed

	hand   *Letter // was given out and is not removed
	broken error   // what neither the letter nor the consumer is to blame for
}

// run replays the queue.
func (p *replay) run(ctx context.Context, consumer reflex.Consumer, keepGoing bool) error {
	spec := reflex.NewSpec(p.stream, p, consumer)
	for {
		err := reflex.Run(ctx, spec)
		switch {
		case p.broken != nil:
			return p.broken
		case ctx.Err() != nil:
			return errors.Wrap(ctx.Err(), "replay")
		case p.hand == nil && reflex.IsHeadReachedErr(err):
			return p.summary()
		case p.hand == nil:
			return err // the consumer could not be reset
		}
		p.done.Failed = append(p.done.Failed, FailedLetter{Key: p.hand.Key, Err: err})
		p.hand = nil
		if !keepGoing {
			return p.summary()
		}
	}
}

// summary is the error of what failed, or nil.
func (p *replay) summary() error {
	if len(p.done.Failed) == 0 {
		return nil
	}
	first := p.done.Failed[0]
	return &Error{
		Kind: ErrReplay, Topic: p.letters.store.topic, Key: first.Key, Cause: first.Err,
		Found: fmt.Sprintf("%d that failed, %d that were consumed, and %d not tried", len(p.done.Failed), p.done.Done, len(p.queue)),
		Do:    "mend the consumer and replay again, or Discard the letter",
	}
}

// stream is the reflex.StreamFunc of the letters.
func (p *replay) stream(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	return &replayClient{ctx: ctx, replay: p}, nil
}

type replayClient struct {
	ctx    context.Context //nolint:containedctx // that of the stream, as Recv has none
	replay *replay
}

// Recv returns the event of the next letter that is still there.
func (c *replayClient) Recv() (*reflex.Event, error) {
	p := c.replay
	for len(p.queue) > 0 {
		key := p.queue[0]
		letter, ok, err := p.reading.letter(c.ctx, key)
		if err != nil {
			p.broken = err
			return nil, err
		}
		p.queue = p.queue[1:]
		if !ok {
			continue // discarded, or replayed by somebody else
		}
		if letter.Err != nil {
			letter.Key = key
		}
		p.hand = &letter
		return p.letters.event(letter)
	}
	return nil, reflex.ErrHeadReached
}

// GetCursor returns none: the letters that are left are the cursor.
func (*replay) GetCursor(context.Context, string) (string, error) { return "", nil }

// SetCursor removes the letter in hand, unless it isn't the one any more that was consumed.
func (p *replay) SetCursor(ctx context.Context, _, _ string) error {
	if err := p.reading.advance(ctx); err != nil {
		p.broken = err
		return err
	}
	key := p.hand.Key
	switch offset, ok := p.reading.index[key]; {
	case ok && offset != p.hand.Offset:
		// The consumer didn't consume the event but wrote its letter again, and said nothing. With this
		// letter removed, the event would be lost.
		return &Error{
			Kind: ErrWrittenAgain, Topic: p.letters.store.topic, Key: key,
			Do: "replay with a consumer that returns its errors instead of dead-lettering them",
		}
	case ok:
		if err := p.letters.store.write(ctx, key, tombstone(key)); err != nil {
			p.broken = err
			return err
		}
	}
	p.hand = nil
	p.done.Done++
	return nil
}

// Flush has nothing to do: a letter is removed before SetCursor returns.
func (*replay) Flush(context.Context) error { return nil }
