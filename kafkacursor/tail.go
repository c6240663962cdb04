package kafkacursor

import (
	"context"
	"sync"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

const (
	// tailWait is how long an idle fetch waits at the broker. It is also how long
	// it may take until a tail that was compacted away is known to be read.
	tailWait = time.Second

	// staleAfter is when a view that heard nothing is built anew: compaction
	// may have removed tombstones in the meantime. Kafka keeps them for a day by
	// default.
	staleAfter = time.Hour
)

// tail follows one partition of the topic of cursors from its start.
type tail struct {
	topic     string
	partition int32
	topicID   [16]byte // of when the store was opened
	newClient func() (*kafka.Client, error)
	// observed is called with each record once, in order, with mu held.
	observed func(entry)

	changed signal

	mu       sync.Mutex
	view     *view
	position int64
	stable   int64 // last stable offset
	stalled  bool  // nothing is left to read below stable
	observes int64 // offset of the next record that nobody observed
	running  bool
	died     error
}

// ensure starts following, if that is not so already.
func (t *tail) ensure(start func(func(context.Context)) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running {
		return
	}
	t.running, t.died = true, nil
	t.rebuild(0)
	if !start(t.run) {
		t.running, t.died = false, &Error{Kind: ErrClosed, Topic: t.topic}
	}
}

// revive is ensure for those who don't look at the view, and so would never
// hear that nobody follows: it returns what ended the life before.
func (t *tail) revive(start func(func(context.Context)) bool) error {
	t.mu.Lock()
	err := t.died
	t.mu.Unlock()
	t.ensure(start)
	return err
}

// rebuild forgets what was read. The lock is held.
func (t *tail) rebuild(position int64) {
	t.view = newView()
	t.position, t.stable, t.stalled = position, position, false
}

// run follows the partition until ctx is done or something is wrong for good.
func (t *tail) run(ctx context.Context) {
	err := t.follow(ctx)
	if ctx.Err() != nil {
		err = &Error{Kind: ErrClosed, Topic: t.topic}
	}
	t.mu.Lock()
	t.running, t.died = false, err
	t.mu.Unlock()
	t.changed.change()
}

// errStale has the view built anew.
var errStale = errors.New("view of the cursors is too old")

func (t *tail) follow(ctx context.Context) error {
	cl, err := t.newClient()
	if err != nil {
		return err
	}
	defer cl.Close()
	var pause kafka.Backoff
	for {
		log, err := partition.Describe(ctx, cl, t.topic, t.partition)
		if err != nil {
			return fromFault(t.topic, err)
		}
		if err := sameTopic(t.topic, t.topicID, log.TopicID); err != nil {
			return err
		}
		err = t.read(ctx, partition.NewReader(cl, log, log.Start, partition.Config{MaxWait: tailWait}), log.Start)
		var fault *partition.Fault
		expired := errors.As(err, &fault) && fault.Kind == partition.Expired
		if !expired && !errors.Is(err, errStale) {
			return fromFault(t.topic, err)
		}
		// The start of the log moved past us, so what was removed may have been
		// the newest of a key, and the only sign that it is gone.
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

// read adds to the view until there is an error.
func (t *tail) read(ctx context.Context, reader *partition.Reader, start int64) error {
	t.mu.Lock()
	t.rebuild(start)
	t.mu.Unlock()
	t.changed.change()
	// Without the monotonic clock, which stands still while a machine sleeps.
	last := time.Now().Round(0)
	for {
		answer, err := reader.Fetch(ctx)
		if err != nil {
			return err
		}
		now := time.Now().Round(0)
		if now.Sub(last) > staleAfter {
			return errStale
		}
		last = now
		t.add(answer)
	}
}

func (t *tail) add(answer partition.Answer) {
	entries := make([]entry, 0, len(answer.Records))
	for _, record := range answer.Records {
		if len(record.Key) == 0 {
			continue // Kafka refuses them on a compacted topic, so it wasn't one once
		}
		entries = append(entries, decodeEntry(record))
	}
	t.mu.Lock()
	for _, e := range entries {
		t.view.apply(e)
		if e.offset >= t.observes {
			t.observed(e)
		}
	}
	t.observes = max(t.observes, answer.Next)
	t.position, t.stable, t.stalled = answer.Next, answer.LastStable, answer.Stalled
	t.mu.Unlock()
	t.changed.change()
}

// progress is how far the view is.
type progress struct {
	target, position, stable int64
}

// reached reports whether everything before the target is in the view, or will
// never be.
func reached(target, position, stable int64, stalled bool) bool {
	return position >= target || (stalled && stable >= target)
}

// look calls fn with the view once everything before the target is in it. It
// returns how far the view is, and what ended the following since ensure, or the
// error of ctx.
func (t *tail) look(ctx context.Context, target int64, fn func(*view)) (progress, error) {
	for {
		changed := t.changed.next()
		p, done, err := t.tryLook(target, fn)
		if done || err != nil {
			return p, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

func (t *tail) tryLook(target int64, fn func(*view)) (progress, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := progress{target: target, position: t.position, stable: t.stable}
	if !t.running {
		return p, false, t.died
	}
	if !reached(target, t.position, t.stable, t.stalled) {
		return p, false, nil
	}
	fn(t.view)
	return p, true, nil
}

// holds reports whether the view has a cursor under the key, which should be in
// another partition.
func (t *tail) holds(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view != nil && !t.view.get(key).best.deleted
}
