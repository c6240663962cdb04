package rpatterns_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// positioned makes the streams of a log know where they began.
func positioned(l *fakeLog) reflex.StreamFunc {
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := l.stream(ctx, after, opts...)
		if err != nil {
			return nil, err
		}
		return &positionedClient{fakeClient: client.(*fakeClient)}, nil
	}
}

type positionedClient struct{ *fakeClient }

func (c *positionedClient) Position() (string, bool) {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	if c.next == 0 {
		return "before all", true // which the log takes for its start
	}
	return c.log.events[c.next-1].ID, true
}

// flaky is a consumer that fails while err is set. It records the events that it consumed.
type flaky struct {
	err  error
	seen []string
	done []string
}

func (f *flaky) Name() string { return "test" }

func (f *flaky) Consume(_ context.Context, e *reflex.Event) error {
	f.seen = append(f.seen, e.ID)
	if f.err != nil {
		return f.err
	}
	f.done = append(f.done, e.ID)
	return nil
}

func bootstrapped(stream reflex.StreamFunc, store reflex.CursorStore, c reflex.Consumer) reflex.Spec {
	return rpatterns.NewBootstrapSpec(stream, store, c)
}

// runWhile runs the spec, and appends to the log when its stream is open.
func runWhile(t *testing.T, spec reflex.Spec, l *fakeLog, ids ...string) error {
	t.Helper()
	opened := len(l.openedAfter())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- reflex.Run(ctx, spec) }()
	require.Eventually(t, func() bool { return len(l.openedAfter()) > opened }, 10*time.Second, time.Millisecond)
	l.append(ids...)
	return <-ended
}

// A new consumer begins at the head, and fails with the first event. The next run began at the head as
// it was by then, and neither that event nor those that came meanwhile were ever consumed.
func TestTheFirstEventAfterBootstrappingIsNotLost(t *testing.T) {
	for name, start := range map[string][]string{"empty log": nil, "log with events": {"old", "older"}} {
		t.Run(name, func(t *testing.T) {
			l, store := newFakeLog(start...), newFakeStore()
			c := &flaky{err: errOfLogic}
			require.ErrorIs(t, runWhile(t, bootstrapped(positioned(l), store, c), l, "a"), errOfLogic)
			l.append("b")
			require.NotEmpty(t, store.durable(), "it was flushed")

			// Another process.
			c.err = nil
			toHead(t, rpatterns.NewBootstrapSpec(positioned(l), store, c, reflex.WithStreamToHead()))
			require.Equal(t, []string{"a", "b"}, c.done)
			require.Zero(t, l.openStreams())
		})
	}
}

// The head was stored in a buffer, and the process was killed before the buffer was written.
func TestTheHeadIsDurableBeforeTheFirstEvent(t *testing.T) {
	l, store := newFakeLog("old"), newFakeStore()
	var durable string
	c := reflex.NewConsumer("test", func(context.Context, *reflex.Event) error {
		durable = store.durable()
		return errOfLogic
	})
	require.ErrorIs(t, runWhile(t, bootstrapped(positioned(l), store, c), l, "a"), errOfLogic)
	require.Equal(t, "old", durable)
	require.Equal(t, []string{"get", "set old", "flush", "flush"}, store.recorded())
}

// A stream of luno/reflex doesn't know its head. The event at least is known.
func TestTheFirstEventOfAStreamThatDoesNotKnowItsHeadIsRemembered(t *testing.T) {
	l, store := newFakeLog("old"), newFakeStore()
	c := &flaky{err: errOfLogic}
	spec := bootstrapped(l.stream, store, c)
	require.ErrorIs(t, runWhile(t, spec, l, "a"), errOfLogic)
	l.append("b", "c")
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.Equal(t, []string{"a", "a", "a"}, c.seen)

	c.err = nil
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- reflex.Run(ctx, spec) }()
	require.Eventually(t, func() bool { return slices.Contains(store.recorded(), "set c") }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, []string{"a", "b", "c"}, c.done)
	require.Equal(t, []string{"", "a", "a", "a"}, l.openedAfter())
	require.Zero(t, l.openStreams())
}

// What was remembered is of no importance once a cursor is set, by whomever.
func TestTheRememberedEventGivesWayToACursor(t *testing.T) {
	l, store := newFakeLog("old"), newFakeStore()
	c := &flaky{err: errOfLogic}
	spec := bootstrapped(l.stream, store, c)
	require.ErrorIs(t, runWhile(t, spec, l, "a"), errOfLogic)
	l.append("b", "c")
	require.NoError(t, store.SetCursor(t.Context(), "test", "b"))
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.NoError(t, store.SetCursor(t.Context(), "test", ""))
	require.ErrorIs(t, runWhile(t, spec, l, "d"), errOfLogic)
	require.Equal(t, []string{"a", "c", "d"}, c.seen)
}

// The consumer may do to an event what it likes. When the event comes again it is as it was.
func TestTheRememberedEventIsNotTheConsumers(t *testing.T) {
	l := newFakeLog("old")
	var got []string
	c := reflex.NewConsumer("test", func(_ context.Context, e *reflex.Event) error {
		got = append(got, e.ForeignID)
		e.ForeignID = "spoiled"
		return errOfLogic
	})
	spec := bootstrapped(l.stream, newFakeStore(), c)
	require.ErrorIs(t, runWhile(t, spec, l, "a"), errOfLogic)
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.ErrorIs(t, reflex.Run(t.Context(), spec), errOfLogic)
	require.Equal(t, []string{"a", "a", "a"}, got)
}

func TestBootstrapWithACursorIsNothingSpecial(t *testing.T) {
	l, store := newFakeLog("a", "b", "c"), newFakeStore(rpatterns.WithMemCursor("test", "a"))
	c := new(flaky)
	toHead(t, rpatterns.NewBootstrapSpec(l.stream, store, c, reflex.WithStreamToHead()))
	require.Equal(t, []string{"b", "c"}, c.done)
	require.Equal(t, []string{"get", "set b", "set c", "flush"}, store.recorded())
}

// What can't be stored must not be consumed: it would be as before.
func TestBootstrapEndsIfTheHeadCanNotBeStored(t *testing.T) {
	broken := errors.New("broken")
	for name, store := range map[string]reflex.CursorStore{
		"set":   &brokenStore{CursorStore: rpatterns.MemCursorStore(), set: broken},
		"flush": &brokenStore{CursorStore: rpatterns.MemCursorStore(), flush: broken},
	} {
		t.Run(name, func(t *testing.T) {
			l, c := newFakeLog("old"), new(flaky)
			err := reflex.Run(t.Context(), rpatterns.NewBootstrapSpec(positioned(l), store, c, reflex.WithStreamToHead()))
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, "bootstrap cursor error: broken")
			require.Zero(t, l.openStreams())
			require.Empty(t, c.seen)
		})
	}
}

// Runs of one spec shared a flag that said whether there is a cursor: one that had none began at the start.
func TestRunsOfABootstrapSpecDoNotRace(t *testing.T) {
	for _, stream := range []func(*fakeLog) reflex.StreamFunc{
		positioned, func(l *fakeLog) reflex.StreamFunc { return l.stream },
	} {
		l, store := newFakeLog("a", "b", "c"), newFakeStore()
		c := reflex.NewConsumer("test", func(context.Context, *reflex.Event) error { return nil })
		spec := rpatterns.NewBootstrapSpec(stream(l), store, c, reflex.WithStreamToHead())
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				l.append("more " + strconv.Itoa(i))
				if err := reflex.Run(t.Context(), spec); !errors.Is(err, reflex.ErrHeadReached) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Zero(t, l.openStreams())
	}
}

// Whatever fails and however often the process begins anew: what was appended after the first stream was opened is
// consumed, all of it, in order.
func TestBootstrappedConsumerLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, store, c := newFakeLog("old"), newFakeStore(), new(flaky)
		var spec reflex.Spec
		begin := func() {
			spec = rpatterns.NewBootstrapSpec(positioned(l), store, c, reflex.WithStreamToHead())
		}
		run := func() { _ = reflex.Run(context.Background(), spec) }
		begin()
		run() // at the head
		var want []string
		t.Repeat(map[string]func(*rapid.T){
			"append": func(*rapid.T) {
				id := strconv.Itoa(len(want))
				want = append(want, id)
				l.append(id)
			},
			"fail":    func(*rapid.T) { c.err = errOfLogic },
			"recover": func(*rapid.T) { c.err = nil },
			"run":     func(*rapid.T) { run() },
			"restart": func(*rapid.T) { begin() },
			"":        func(t *rapid.T) { require.LessOrEqual(t, len(c.done), len(want)) },
		})
		c.err = nil
		run()
		if len(want) > 0 {
			require.Equal(t, want, c.done)
		}
	})
}

// All of it on Kafka: a new consumer of an empty topic fails with the first event, its process ends, and another
// one comes.
func TestBootstrapOnKafka(t *testing.T) {
	const topic = "orders"
	broker := kafkatest.Start(t, kafkatest.WithTopic(topic, 1))
	publish := func(id string) {
		publisher, err := kafkastream.NewPublisher(broker.Opts(), topic)
		require.NoError(t, err)
		defer publisher.Close()
		_, err = publisher.Publish(t.Context(), &reflex.Event{ForeignID: id, Type: fakeType(1)})
		require.NoError(t, err)
	}
	life := func(ready func(), fn reflex.ConsumerFunc, opts ...reflex.StreamOption) error {
		store, err := kafkacursor.Open(t.Context(), broker.Opts(), "cursors")
		require.NoError(t, err)
		defer store.Close()
		partition := kafkastream.NewPartition(broker.Opts(), topic, 0)
		stream := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			client, err := partition.Stream(ctx, after, opts...)
			ready()
			return client, err
		}
		consumer := reflex.NewConsumer("test", fn, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
		return reflex.Run(t.Context(), rpatterns.NewBootstrapSpec(stream, store.For(partition), consumer, opts...))
	}
	for range 2 {
		err := life(func() { publish("first") }, func(context.Context, *reflex.Event) error { return errOfLogic })
		require.ErrorIs(t, err, errOfLogic)
	}
	var got []string
	err := life(func() {}, func(_ context.Context, e *reflex.Event) error {
		got = append(got, e.ID)
		return nil
	}, reflex.WithStreamToHead())
	require.ErrorIs(t, err, reflex.ErrHeadReached)
	require.Equal(t, []string{"0", "1"}, got)
}
