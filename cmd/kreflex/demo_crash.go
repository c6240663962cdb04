package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/reflex"
)

// errCrash is how the demo ends a life.
var errCrash = errors.New("crash", j.C("ERR_f47d0ab3692c85e1"))

// giveUpAfter is how long a store that crashed goes on trying to write. It
// changes nothing of what it could write before.
const giveUpAfter = time.Second

// autoDuration is how long the demo takes at the rate that it chooses.
const autoDuration = 4 * time.Second

// crashed consumes half of the stream, crashes, and consumes the rest.
//
// The crash is one for the broker: in the middle of an event, whose work is done but
// whose cursor is not set, all connections are cut and no new one can be made. So
// nothing that was buffered can get out any more, no Flush or Close comes through,
// and the broker finds out the hard way. What remains of that life in this process
// talks to nobody; `demo --kill` leaves nothing of it at all.
func (c *demoCommand) crashed(ctx context.Context, s *stage, published []tally.Published, show *screen) (_ []tally.Life, err error) {
	rate := c.Rate
	if rate == 0 {
		rate = float64(len(published)) / autoDuration.Seconds()
	}
	base := life{kafka: s.kafka, topic: s.topic, cursors: s.cursors, flushInterval: c.FlushInterval, rate: rate}
	onlooker, err := base.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, onlooker.Close()) }()

	var (
		dying sync.WaitGroup // lives that crashed still give up on their brokers
		lives []tally.Life
	)
	defer dying.Wait()
	half := len(published) / 2
	for _, crashAfter := range []int{half, 0} {
		run := &watchedLife{life: base, show: show, crashAfter: crashAfter}
		end, err := run.live(ctx, onlooker, published, &dying)
		if err != nil {
			return nil, err
		}
		lives = append(lives, end)
		if end.Crashed {
			show.line("CRASH after %s events: the work of the last one is done, its cursor is not set. Stored: %s.",
				count(len(end.Consumed)), cursorText(end.Cursor))
		} else {
			show.line("Reached the head. Stored: %s.", cursorText(end.Cursor))
		}
	}
	return lives, nil
}

// watchedLife is a life in this process that is shown while it lasts, and may crash.
type watchedLife struct {
	life
	show       *screen
	crashAfter int // events; 0 is never

	consumed []tally.Consumed
	newest   atomic.Int64 // offset
	count    atomic.Int64
}

// live runs it to its end, which is returned as the tally wants it.
func (w *watchedLife) live(ctx context.Context, onlooker *kafkacursor.Store, published []tally.Published, dying *sync.WaitGroup) (tally.Life, error) {
	network := newCuttableNetwork()
	writes := &writeLog{}
	w.kafka = append(slices.Clone(w.kafka), kgo.Dialer(network.dial), kgo.WithHooks(newWriteWatch(w.cursors, writes.add)))
	var end tally.Life
	w.newest.Store(tally.NoCursor)
	w.done = func(e *reflex.Event, at tally.Consumed) error {
		w.consumed = append(w.consumed, at)
		w.newest.Store(at.Offset)
		w.count.Add(1)
		w.show.event(e, w.rate)
		if len(w.consumed) != w.crashAfter {
			return nil
		}
		network.cut()
		end.Crashed, end.Ended, end.Writes = true, time.Now(), writes.all()
		return errCrash
	}
	w.wrap = func(store reflex.CursorStore) reflex.CursorStore {
		return &mortalStore{CursorStore: store, network: network}
	}

	var options []kafkacursor.Option
	if w.crashAfter > 0 {
		options = append(options, kafkacursor.WithTimeout(giveUpAfter))
	}
	store, err := w.open(ctx, options...)
	if err != nil {
		return tally.Life{}, err
	}
	stop := w.watch(ctx, onlooker, published)
	err = w.run(ctx, store)
	err = errors.Join(stop(), unlessCrash(err))
	if end.Crashed {
		dying.Go(func() { _ = store.Close() }) // it can't store anything, and says so
	} else {
		err = errors.Join(err, store.Close())
	}
	if err != nil {
		return tally.Life{}, err
	}
	end.Consumed = w.consumed
	end.Cursor, err = storedCursor(ctx, onlooker, w.topic)
	return end, err
}

func unlessCrash(err error) error {
	if errors.Is(err, errCrash) {
		return nil
	}
	return err
}

// watch shows the progress until the function it returns is called.
func (w *watchedLife) watch(ctx context.Context, onlooker *kafkacursor.Store, published []tally.Published) (stop func() error) {
	last := published[len(published)-1].Offset
	began := time.Now()
	return every(ctx, w.show.every, func(ctx context.Context) error {
		cursor, err := storedCursor(ctx, onlooker, w.topic)
		if err != nil {
			return err
		}
		consumed, newest := w.count.Load(), w.newest.Load()
		w.show.progress("consumed %s   %s events/s   cursor %s   lag %s", count(int(consumed)),
			count(int(float64(consumed)/time.Since(began).Seconds())), cursorText(cursor), count(int(last-newest)))
		return nil
	})
}

// mortalStore is a store that dies with its network: a Flush afterwards, which
// a process that crashed would not make, fails at once instead of waiting.
type mortalStore struct {
	reflex.CursorStore
	network *cuttableNetwork
}

var _ reflex.CursorStore = (*mortalStore)(nil)

// Flush fails if the store is dead.
func (s *mortalStore) Flush(ctx context.Context) error {
	if s.network.isCut() {
		return errCrash
	}
	return s.CursorStore.Flush(ctx)
}
