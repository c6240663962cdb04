package migrate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

// lazyStore is an old store of cursors: it keeps them in memory until Flush, and loses them with its process.
type lazyStore struct {
	mu       sync.Mutex
	stored   map[string]string
	buffered map[string]string
	dead     map[string]bool // consumers whose process was killed: nothing is flushed any more
}

func newLazyStore() *lazyStore {
	return &lazyStore{stored: make(map[string]string), buffered: make(map[string]string), dead: make(map[string]bool)}
}

func (s *lazyStore) GetCursor(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored[name], nil
}

func (s *lazyStore) SetCursor(_ context.Context, name, cursor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffered[name] = cursor
	if n, _ := strconv.Atoi(cursor); n%10 == 0 { // its flush interval
		s.stored[name] = cursor
	}
	return nil
}

// Flush is for all consumers; each has a process of its own.
func (s *lazyStore) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, cursor := range s.buffered {
		if !s.dead[name] {
			s.stored[name] = cursor
		}
	}
	return nil
}

func (s *lazyStore) kill(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[name] = true
	delete(s.buffered, name)
}

// witness is a consumer that remembers the source IDs of what it consumed, which the foreign IDs end in.
type witness struct {
	name string
	mu   sync.Mutex
	seen []int
	stop int // ends the run behind that many events

	done chan struct{} // closed behind that many, if it is not nil
}

var errStopHere = errors.New("asked to stop here")

func (w *witness) consumer() reflex.Consumer {
	return reflex.NewConsumer(w.name, func(_ context.Context, e *reflex.Event) error {
		id, err := strconv.Atoi(strings.TrimPrefix(e.ForeignID, "order-"))
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.stop > 0 && len(w.seen) >= w.stop {
			return errStopHere
		}
		w.seen = append(w.seen, id)
		if len(w.seen) == w.stop && w.done != nil {
			close(w.done)
		}
		return nil
	})
}

// Twenty consumers move one by one from a stream in memory to Kafka, while events are written and copied. Some are
// stopped, some are killed with cursors that were not flushed. None loses an event, all keep the
// order, and what comes again is what was consumed behind the stored cursor.
func TestConsumersMoveWhileEventsFlow(t *testing.T) {
	const (
		consumers = 20
		events    = 2000
	)
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 100)...)
	store := openCursors(t, broker)
	old := newLazyStore()
	ctx := bounded(t)
	copying, stopCopying := context.WithCancel(ctx)
	var background sync.WaitGroup
	var copyErr error
	background.Go(func() {
		_, copyErr = migrate.Copy(copying, source.stream, broker.Opts(), "orders", 0, migrate.WithFollow())
	})
	background.Go(func() {
		for i := 101; i <= events && ctx.Err() == nil; i++ {
			source.add(event(strconv.Itoa(i)))
		}
	})
	var moving sync.WaitGroup
	for i := range consumers {
		w := &witness{name: fmt.Sprintf("consumer-%d", i), stop: 1 + rand.IntN(events-1)}
		moving.Go(func() { moveOne(ctx, t, broker, source, old, store, w, i%3 == 0, events) })
	}
	moving.Wait()
	stopCopying()
	background.Wait()
	require.ErrorIs(t, copyErr, context.Canceled)
	ids, _ := copies(t, broker.Opts(), "orders")
	require.Equal(t, source.ids(), ids)
}

func moveOne(ctx context.Context, t *testing.T, broker *kafkatest.Broker, source *fakeSource, old *lazyStore, store *kafkacursor.Store, w *witness, killed bool, events int) {
	t.Helper()
	err := reflex.Run(ctx, reflex.NewSpec(source.stream, killable{old, w.name, killed}, w.consumer()))
	if !errors.Is(err, errStopHere) {
		t.Errorf("%s: %v", w.name, err)
		return
	}
	consumed := len(w.seen)
	cursor, _ := old.GetCursor(ctx, w.name)
	stored, _ := strconv.Atoi(cursor)
	if !killed && stored != consumed || stored > consumed {
		t.Errorf("%s: consumed %d, stored %d", w.name, consumed, stored)
	}

	mover := migrate.NewMover(migrate.Store(old), migrate.Copied(broker.Opts(), "orders", 0), migrate.Topic(store, "orders", 0), migrate.WithWait(patient))
	plan, err := mover.Plan(ctx, w.name)
	if err != nil || plan.Err() != nil {
		t.Errorf("%s: %v, %v", w.name, err, plan.Err())
		return
	}
	report, err := mover.Apply(ctx, plan)
	if err != nil || report.Err() != nil {
		t.Errorf("%s: %v, %v", w.name, err, report.Err())
		return
	}

	w.stop, w.done = consumed+events-stored, make(chan struct{})
	log := kafkastream.NewPartition(broker.Opts(), "orders", 0)
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- reflex.Run(running, reflex.NewSpec(log.Stream, store.For(log), w.consumer())) }()
	select {
	case <-w.done:
	case err := <-ended:
		t.Errorf("%s: %v", w.name, err)
		return
	}
	cancel()
	<-ended
	for i, id := range w.seen {
		want := i + 1
		if i >= consumed {
			want = stored + 1 + i - consumed // what was not flushed comes again, and nothing else
		}
		if id != want {
			t.Errorf("%s, stopped behind %d, stored %d: event %d at position %d instead of %d", w.name, consumed, stored, id, i, want)
			return
		}
	}
}

// killable is the old store as the process of one consumer sees it. One that is killed doesn't get to flush.
type killable struct {
	*lazyStore
	name   string
	killed bool
}

func (k killable) Flush(ctx context.Context) error {
	if k.killed {
		k.kill(k.name)
		return nil
	}
	return k.lazyStore.Flush(ctx)
}
