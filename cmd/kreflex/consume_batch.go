package main

import (
	"context"
	"io"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// batches consumes like reflex.Run, but many events at once: the cursor moves
// over a batch when the sink has all of it.
type batches struct {
	stream  reflex.StreamFunc
	cursors reflex.CursorStore
	name    string
	options []reflex.StreamOption
	size    int
	wait    time.Duration // for a batch to fill up, from its first event on
	sink    sink
}

// flushTimeout bounds how long the end waits for the last cursor.
const flushTimeout = 10 * time.Second

// run returns the error that ended it, never nil. A batch that was not full
// when the stream ended at its head is consumed; for any other end it is
// dropped, and comes again.
func (b batches) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cursor, err := b.cursors.GetCursor(ctx, b.name)
	if err != nil {
		return errors.Wrap(err, "get cursor error")
	}
	client, err := b.stream(ctx, cursor, b.options...)
	if err != nil {
		return err
	}
	events := receive(client)
	defer func() {
		if cleanup := (&reflex.CleanupError{Close: events.close(client), Flush: b.flush(ctx)}); len(cleanup.Unwrap()) > 0 {
			err = errors.Join(err, cleanup)
		}
	}()

	batch := make([]*reflex.Event, 0, b.size)
	for {
		batch, err = b.fill(events, batch[:0])
		if len(batch) == 0 || err != nil && !reflex.IsHeadReachedErr(err) {
			return errors.Wrap(err, "recv error")
		}
		if err := b.sink.take(ctx, batch); err != nil {
			return errors.Wrap(err, "consume error")
		}
		if err := b.cursors.SetCursor(ctx, b.name, batch[len(batch)-1].ID); err != nil {
			return errors.Wrap(err, "set cursor error")
		}
		if err != nil {
			return errors.Wrap(err, "recv error")
		}
	}
}

// fill waits for an event, and then for more until the batch is full or its
// time is up. With an error it returns what there is.
func (b batches) fill(events *receiver, batch []*reflex.Event) ([]*reflex.Event, error) {
	var full <-chan time.Time
	for len(batch) < b.size {
		select {
		case got := <-events.ch:
			if got.err != nil {
				return batch, got.err
			}
			if full == nil {
				timer := time.NewTimer(b.wait)
				defer timer.Stop()
				full = timer.C
			}
			batch = append(batch, got.event)
		case <-full:
			return batch, nil
		}
	}
	return batch, nil
}

func (b batches) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return b.cursors.Flush(ctx)
}

// receiver receives in a goroutine, as Recv blocks and a batch must not.
type receiver struct {
	ch   chan received
	quit chan struct{}
	done chan struct{}
}

type received struct {
	event *reflex.Event
	err   error // the last
}

func receive(client reflex.StreamClient) *receiver {
	r := &receiver{ch: make(chan received), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			event, err := client.Recv()
			select {
			case r.ch <- received{event, err}:
			case <-r.quit:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

// close closes the stream, which ends a Recv, and waits for the goroutine.
func (r *receiver) close(client reflex.StreamClient) error {
	close(r.quit)
	var err error
	if closer, ok := client.(io.Closer); ok {
		err = closer.Close()
	}
	<-r.done
	return err
}
