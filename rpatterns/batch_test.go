package rpatterns_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// handled records the batches that a function got.
type handled struct {
	mu      sync.Mutex
	batches [][]string
	err     error
	during  func(ctx context.Context)
}

func (h *handled) batch(ctx context.Context, b rpatterns.Batch) error {
	var ids []string
	for _, e := range b {
		ids = append(ids, e.ID)
	}
	h.mu.Lock()
	h.batches = append(h.batches, ids)
	h.mu.Unlock()
	if h.during != nil {
		h.during(ctx)
	}
	return h.err
}

func (h *handled) all() [][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.batches)
}

// background runs the spec until stop, or until it ends by itself, and then gives its error.
func background(t *testing.T, spec reflex.Spec) (stop func() error, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	end := make(chan error, 1)
	go func() { end <- reflex.Run(ctx, spec) }()
	return func() error {
		cancel()
		return <-end
	}, end
}

// after lets virtual time go by.
func after(d time.Duration) { <-time.After(d) }

func TestBatchesAreOfTheirLength(t *testing.T) {
	log, store := newFakeLog("a", "b", "c", "d", "e"), newFakeStore()
	var h handled
	bc := rpatterns.NewBatchConsumer("test", store, h.batch, 0, 2)
	toHead(t, rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead()))
	require.Equal(t, [][]string{{"a", "b"}, {"c", "d"}}, h.all())
	require.Equal(t, []string{"get", "set b", "flush", "set d", "flush", "flush"}, store.recorded())
	require.Zero(t, log.openStreams())
}

// What was collected in a run must not be in a batch of the next one, which delivers it again.
func TestBatchOfARunThatEndedIsDropped(t *testing.T) {
	log, store := newFakeLog("a", "b", "c"), newFakeStore()
	var h handled
	bc := rpatterns.NewBatchConsumer("test", store, h.batch, 0, 4)
	spec := rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead())
	toHead(t, spec)
	toHead(t, spec)
	log.append("d")
	toHead(t, spec)
	require.Equal(t, [][]string{{"a", "b", "c", "d"}}, h.all())
}

func TestBatchThatFailsIsTriedAgain(t *testing.T) {
	log, store := newFakeLog("a", "b", "c", "d"), newFakeStore()
	h := handled{err: errOfLogic}
	bc := rpatterns.NewBatchConsumer("test", store, h.batch, time.Hour, 2)
	spec := rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead())
	err := reflex.Run(t.Context(), spec)
	require.ErrorIs(t, err, errOfLogic)
	require.EqualError(t, err, "consume error: batch consumer error: the logic failed")
	require.Equal(t, []string{"get", "flush"}, store.recorded())
	h.err = nil
	toHead(t, spec)
	require.Equal(t, [][]string{{"a", "b"}, {"a", "b"}, {"c", "d"}}, h.all())
}

// A batch fails when its period is over, and then no event comes: the run knew nothing of it, and the
// events were not tried again until one came.
func TestBatchThatFailsOnAQuietStreamEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, store := newFakeLog("a", "b"), newFakeStore()
		h := handled{err: errOfLogic}
		registry := prometheus.NewPedanticRegistry()
		bc := rpatterns.NewBatchConsumer("test", store, h.batch, time.Second, 0, reflex.WithConsumerRegisterer(registry))
		spec := rpatterns.NewBatchSpec(log.stream, bc)
		began := time.Now()
		err := reflex.Run(t.Context(), spec)
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, err, rpatterns.ErrBatchState)
		require.ErrorIs(t, err, errOfLogic)
		require.EqualError(t, err, "recv error: batch error state: batch consumer error: the logic failed")
		require.False(t, reflex.IsExpected(err))
		require.Equal(t, map[string]float64{"test": 1}, seriesOf(t, registry, "reflex_consumer_error_count"))
		require.Equal(t, map[string]float64{"test": 3}, seriesOf(t, registry, "reflex_consumer_latency_seconds"))

		h.err = nil
		stop, _ := background(t, spec)
		after(1001 * time.Millisecond)
		require.Equal(t, [][]string{{"a", "b"}, {"a", "b"}}, h.all())
		require.Equal(t, "b", store.durable())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

// An acknowledgement that fails is no success of the batch.
func TestBatchThatCanNotBeAcknowledgedEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		store := brokenStore{CursorStore: rpatterns.MemCursorStore(), set: broken}
		for _, length := range []int{0, 1} {
			var h handled
			bc := rpatterns.NewBatchConsumer("test", store, h.batch, time.Second, length)
			err := reflex.Run(t.Context(), rpatterns.NewBatchSpec(newFakeLog("a").stream, bc))
			require.ErrorIs(t, err, broken)
			require.ErrorContains(t, err, "batch ack error: broken")
			require.Equal(t, length == 0, errors.Is(err, rpatterns.ErrBatchState))
		}
	})
}

// The period was counted from the timestamp of the first event: with a clock that is ahead it took as much longer, and
// events older than the period waited for 100 ms.
func TestBatchPeriodBeginsWithTheFirstEvent(t *testing.T) {
	for name, age := range map[string]time.Duration{"ahead": -time.Hour, "now": 0, "behind": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const period = 20 * time.Millisecond
				log, store := newFakeLog(), newFakeStore()
				var h handled
				bc := rpatterns.NewBatchConsumer("test", store, h.batch, period, 0)
				stop, _ := background(t, rpatterns.NewBatchSpec(log.stream, bc))
				add := func(id string) {
					log.appendEvents(&reflex.Event{ID: id, Type: fakeType(1), Timestamp: time.Now().Add(-age)})
					synctest.Wait()
				}
				for i := range 3 {
					after(time.Hour)
					add("first " + strconv.Itoa(i))
					after(period - 1)
					add("last " + strconv.Itoa(i))
					require.Len(t, h.all(), i)
					after(1)
					synctest.Wait()
					require.Len(t, h.all(), i+1)
					require.Equal(t, "last "+strconv.Itoa(i), store.durable())
				}
				require.ErrorIs(t, stop(), context.Canceled)
			})
		})
	}
}

// A batch that was completed must not leave its period behind for the next one.
func TestBatchPeriodIsThatOfTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFakeLog("a")
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, time.Second, 2)
		stop, _ := background(t, rpatterns.NewBatchSpec(log.stream, bc))
		after(900 * time.Millisecond)
		log.append("b", "c")
		after(999 * time.Millisecond)
		require.Equal(t, [][]string{{"a", "b"}}, h.all())
		after(2 * time.Millisecond)
		require.Equal(t, [][]string{{"a", "b"}, {"c"}}, h.all())
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

// The batch takes longer than its period, and is completed at the same time as the period of the next one ends.
func TestEventsWaitWhileABatchIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, store := newFakeLog("a"), newFakeStore()
		h := handled{during: func(context.Context) { after(5 * time.Second) }}
		bc := rpatterns.NewBatchConsumer("test", store, h.batch, time.Second, 2)
		stop, _ := background(t, rpatterns.NewBatchSpec(log.stream, bc))
		after(2 * time.Second)
		log.append("b", "c", "d")
		after(3 * time.Second)
		require.Equal(t, [][]string{{"a"}}, h.all())
		after(10 * time.Second)
		require.Equal(t, [][]string{{"a"}, {"b", "c"}, {"d"}}, h.all())
		after(2 * time.Second)
		require.ErrorIs(t, stop(), context.Canceled)
		require.Equal(t, "d", store.durable())
	})
}

func TestBatchWithoutPeriodAndLength(t *testing.T) {
	for _, conf := range []struct {
		period time.Duration
		length int
	}{{0, 0}, {-1, 5}, {time.Second, -1}} {
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, conf.period, conf.length)
		spec := rpatterns.NewBatchSpec(newFakeLog("a").stream, bc)
		require.ErrorIs(t, reflex.Run(t.Context(), spec), rpatterns.ErrInvalidBatchConfig)
		require.NoError(t, spec.Stop())
		require.Empty(t, h.all())
	}
}

func TestBatchConsumerCanBeStoppedAnyTime(t *testing.T) {
	var h handled
	bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, 0, 2)
	require.NoError(t, bc.Stop())
	require.ErrorIs(t, bc.Consume(t.Context(), eventWithID("a")), rpatterns.ErrBatchState)
	for range 2 {
		require.NoError(t, bc.Reset(t.Context()))
		require.NoError(t, bc.Consume(t.Context(), eventWithID("a")))
		require.NoError(t, bc.Consume(t.Context(), eventWithID("b")))
		require.NoError(t, bc.Stop())
		require.NoError(t, bc.Stop())
		// It would look like consumed.
		for range 20 {
			require.ErrorIs(t, bc.Consume(t.Context(), eventWithID("c")), rpatterns.ErrBatchState)
		}
	}
	require.Equal(t, [][]string{{"a", "b"}, {"a", "b"}}, h.all())

	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, bc.Reset(ctx))
	cancel()
	require.NoError(t, bc.Stop())
	for range 20 {
		// Any other error would look like more than a shutdown.
		require.ErrorIs(t, bc.Consume(ctx, eventWithID("c")), context.Canceled)
	}
}

// The process is told to stop while a batch is being handled, which succeeds. Its cursor could not be
// written with a context that is done, and the batch was handled again.
func TestBatchThatIsDoneAtShutdownIsAcknowledged(t *testing.T) {
	for name, conf := range map[string]struct {
		period time.Duration
		length int
	}{"period": {time.Second, 0}, "length": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, store := newFakeLog("a", "b"), newFakeStore()
				h := handled{during: func(ctx context.Context) {
					<-ctx.Done()
					after(3 * time.Second) // to finish
				}}
				bc := rpatterns.NewBatchConsumer("test", store, h.batch, conf.period, conf.length)
				spec := rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead())
				if conf.period > 0 {
					spec = rpatterns.NewBatchSpec(log.stream, bc)
				}
				stop, _ := background(t, spec)
				after(2 * time.Second)
				began := time.Now()
				err := stop()
				require.ErrorIs(t, err, context.Canceled)
				require.True(t, reflex.IsExpected(err), "%v", err)
				require.Equal(t, 3*time.Second, time.Since(began))
				require.Equal(t, "b", store.durable())
				calls := store.recorded()
				require.Equal(t, []string{"set b", "flush", "flush"}, calls[1:], "before the last flush of Run")
			})
		})
	}
}

// A connection breaks while a batch is being handled. There is no hurry, so it may finish.
func TestBatchInHandMayFinishWhenTheStreamFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, takes := range []time.Duration{3 * time.Second, 7 * time.Second} {
			broken, store := errors.New("connection is broken"), newFakeStore()
			var told error
			bc := rpatterns.NewBatchConsumer("test", store, func(ctx context.Context, _ rpatterns.Batch) error {
				select {
				case <-time.After(takes):
				case <-ctx.Done():
					told = ctx.Err()
				}
				return told
			}, time.Second, 0)
			stream := func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
				return &breakingClient{events: []*reflex.Event{eventWithID("a")}, after: 2 * time.Second, err: broken}, nil
			}
			began := time.Now()
			require.ErrorIs(t, reflex.Run(t.Context(), rpatterns.NewBatchSpec(stream, bc)), broken)
			if takes < 4*time.Second {
				require.NoError(t, told)
				require.Equal(t, "a", store.durable())
				require.Equal(t, time.Second+takes, time.Since(began))
				continue
			}
			// Not for as long as it likes: Run is waiting.
			require.ErrorIs(t, told, context.Canceled)
			require.Empty(t, store.durable())
			require.Equal(t, 6*time.Second, time.Since(began))
		}
	})
}

// breakingClient fails some time after its last event.
type breakingClient struct {
	events []*reflex.Event
	after  time.Duration
	err    error
}

func (c *breakingClient) Recv() (*reflex.Event, error) {
	if len(c.events) == 0 {
		after(c.after)
		return nil, c.err
	}
	e := c.events[0]
	c.events = c.events[1:]
	return e, nil
}

// A batch function waits for something that never answers, and ignores its context. Run and Stop hung with it, and
// so did the process that was to end. And when it did return, in the middle of the next run, its cursor was set
// behind the back of that run, which handled the same events beside it.
func TestBatchFunctionThatIgnoresItsContextHangsNothing(t *testing.T) {
	for name, conf := range map[string]struct {
		period time.Duration
		length int
	}{"period": {time.Second, 0}, "length": {0, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, store := newFakeLog("a", "b"), newFakeStore()
				answer := make(chan struct{})
				h := handled{during: func(context.Context) { <-answer }}
				bc := rpatterns.NewBatchConsumer("test", store, h.batch, conf.period, conf.length)
				spec := rpatterns.NewBatchSpec(log.stream, bc)
				stop, _ := background(t, spec)
				after(2 * time.Second)
				within := func(d time.Duration, fn func() error) error {
					began := time.Now()
					err := fn()
					require.Equal(t, d, time.Since(began))
					return err
				}

				err := within(8*time.Second, stop)
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorIs(t, err, rpatterns.ErrBatchStuck)
				require.False(t, reflex.IsExpected(err), "somebody must see it")
				require.ErrorIs(t, within(8*time.Second, spec.Stop), rpatterns.ErrBatchStuck)
				require.ErrorIs(t, within(8*time.Second, func() error { return bc.Reset(t.Context()) }), rpatterns.ErrBatchStuck)

				// The next run does not begin beside it, and ends with its context as any other.
				err = within(8*time.Second, func() error { return reflex.Run(t.Context(), spec) })
				require.ErrorIs(t, err, rpatterns.ErrBatchStuck)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err = within(time.Second, func() error { return reflex.Run(ctx, spec) })
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, [][]string{{"a", "b"}}, h.all())

				// It returns, and what it did counts, for the run that waits for it.
				stop, _ = background(t, spec)
				synctest.Wait()
				close(answer)
				log.append("c", "d")
				after(2 * time.Second)
				require.ErrorIs(t, stop(), context.Canceled)
				require.Equal(t, [][]string{{"a", "b"}, {"c", "d"}}, h.all())
				require.Equal(t, "d", store.durable())
			})
		})
	}
}

// A consumer wants few events. Nothing else moved its cursor.
func TestFilteredEventsMoveTheCursorOfABatchConsumer(t *testing.T) {
	log, store := newFakeLog("a"), newFakeStore()
	two := func(id string) { log.appendEvents(&reflex.Event{ID: id, Type: fakeType(2)}) }
	two("b")
	log.append("c")
	two("d")
	log.append("e")
	two("f")
	log.append("g")
	var h handled
	bc := rpatterns.NewBatchConsumer("test", store, h.batch, 0, 2, reflex.WithFilterIncludeTypes(fakeType(2)))
	toHead(t, rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead()))
	require.Equal(t, [][]string{{"b", "d"}}, h.all())
	// f waits in a batch that is not complete, so the cursor stays before it.
	require.Equal(t, []string{"get", "set a", "set d", "flush", "set e", "flush"}, store.recorded())
}

// A period may be long, and a stream that catches up fast: memory had no bound.
func TestBatchWithoutLengthIsBounded(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		log := newFakeLog()
		for i := range 25_000 {
			log.events = append(log.events, &reflex.Event{ID: strconv.Itoa(i), Type: fakeType(1)})
		}
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, time.Hour, 0)
		toHead(t, rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead()))
		require.Len(t, h.all(), 2)
		require.Len(t, h.all()[0], 10_000)
	})
	t.Run("bytes", func(t *testing.T) {
		log := newFakeLog()
		shared := make([]byte, 1<<20)
		for i := range 70 {
			log.events = append(log.events, &reflex.Event{ID: strconv.Itoa(i), Type: fakeType(1), MetaData: shared})
		}
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, time.Hour, 0)
		toHead(t, rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead()))
		require.Len(t, h.all(), 2)
		require.Len(t, h.all()[0], 32)
	})
	t.Run("not with a length", func(t *testing.T) {
		log := newFakeLog()
		for i := range 12_000 {
			log.events = append(log.events, &reflex.Event{ID: strconv.Itoa(i), Type: fakeType(1)})
		}
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, 0, 12_000)
		toHead(t, rpatterns.NewBatchSpec(log.stream, bc, reflex.WithStreamToHead()))
		require.Len(t, h.all(), 1)
	})
}

// The spec hid Reset and Stop of the consumer inside: its lag was reported for ever. The length of
// the buffer never was.
func TestBatchConsumerIsSeenInTheMetrics(t *testing.T) {
	const lag, buffer = "reflex_consumer_lag_seconds", "reflex_rpatterns_batch_consumer_buffer_length"
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		log := newFakeLog("a", "b", "c")
		var h handled
		bc := rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, time.Second, 5, reflex.WithConsumerRegisterer(registry))
		spec := rpatterns.NewBatchSpec(log.stream, bc)
		for range 2 {
			stop, _ := background(t, spec)
			synctest.Wait()
			length := float64(3 - 3*len(h.all()))
			require.Equal(t, map[string]float64{"test": length}, seriesOf(t, registry, buffer))
			after(2 * time.Second)
			require.Equal(t, map[string]float64{"test": 0}, seriesOf(t, registry, buffer))
			require.ErrorIs(t, stop(), context.Canceled)
			require.Contains(t, seriesOf(t, registry, lag), "test", "a scrape after the run")
			require.NoError(t, spec.Stop())
			require.Empty(t, seriesOf(t, registry, lag))
			require.Empty(t, seriesOf(t, registry, buffer))
		}
	})
}

func TestBatchContextSaysWhatTheBatchIs(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{3}, SpanID: trace.SpanID{4}})
	type key struct{}
	for name, test := range map[string]struct {
		traces [][]byte
		want   trace.SpanContext
	}{
		"one trace":  {[][]byte{reflex.EncodeTrace(sc), reflex.EncodeTrace(sc)}, sc.WithRemote(true)},
		"two traces": {[][]byte{reflex.EncodeTrace(sc), reflex.EncodeTrace(other)}, trace.SpanContext{}},
		"none":       {[][]byte{nil, nil}, trace.SpanContext{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newFakeLog()
			for i, tr := range test.traces {
				l.appendEvents(&reflex.Event{ID: strconv.Itoa(i), Type: fakeType(1), Trace: tr})
			}
			keys := map[string]string{}
			var got trace.SpanContext
			bc := rpatterns.NewBatchConsumer("test", newFakeStore(), func(ctx context.Context, _ rpatterns.Batch) error {
				require.Equal(t, "value", ctx.Value(key{}))
				for _, kv := range log.ContextKeyValues(ctx) {
					keys[kv.Key] = kv.Value
				}
				got = trace.SpanContextFromContext(ctx)
				return nil
			}, 0, 2)
			ctx := context.WithValue(t.Context(), key{}, "value")
			err := reflex.Run(ctx, rpatterns.NewBatchSpec(l.stream, bc, reflex.WithStreamToHead()))
			require.ErrorIs(t, err, reflex.ErrHeadReached)
			require.Equal(t, test.want, got)
			want := map[string]string{"consumer": "test", "batch_len": "2", "batch_first_id": "0", "batch_last_id": "1"}
			if got.IsValid() {
				want["trace_id"] = got.TraceID().String()
			}
			require.Equal(t, want, keys)
		})
	}
}

// A panic in a goroutine of the pattern's can't be recovered from by anybody else: it ended the process.
func TestPanicOfABatchFunctionIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []int{0, 1} {
			bc := rpatterns.NewBatchConsumer("test", newFakeStore(), func(context.Context, rpatterns.Batch) error {
				panic("poison")
			}, time.Second, length)
			var panicked *reflex.PanicError
			err := reflex.Run(t.Context(), rpatterns.NewBatchSpec(newFakeLog("a").stream, bc))
			require.ErrorAs(t, err, &panicked)
			require.Equal(t, "poison", panicked.Value)
			require.ErrorContains(t, err, "batch consumer error: panic in consumer: poison")
			require.Equal(t, length == 0, errors.Is(err, rpatterns.ErrBatchState))
		}
	})
}

type panickingStore struct{ reflex.CursorStore }

func (panickingStore) SetCursor(context.Context, string, string) error { panic("poison") }

// The store is called in the pattern's goroutine too.
func TestPanicOfTheStoreOfABatchIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []int{0, 1} {
			var h handled
			bc := rpatterns.NewBatchConsumer("test", panickingStore{rpatterns.MemCursorStore()}, h.batch, time.Second, length)
			spec := rpatterns.NewBatchSpec(newFakeLog("a").stream, bc)
			for range 2 { // nothing is left held
				var panicked *reflex.PanicError
				require.ErrorAs(t, reflex.Run(t.Context(), spec), &panicked)
			}
			require.Len(t, h.all(), 2)
		}
	})
}

func TestBatchFunctionGetsItsFate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, length := range []int{0, 1} {
			bc := rpatterns.NewBatchConsumer("test", newFakeStore(), func(_ context.Context, f fate.Fate, _ rpatterns.Batch) error {
				return f.Tempt()
			}, time.Second, length, reflex.WithConsumerFate(fixedFate{errOfLogic}))
			require.ErrorIs(t, reflex.Run(t.Context(), rpatterns.NewBatchSpec(newFakeLog("a").stream, bc)), errOfLogic)
		}
	})
}

// Two runs of one spec make no sense, but must neither corrupt it nor hang.
func TestRunsOfABatchSpecDoNotRace(t *testing.T) {
	log := newFakeLog("a", "b", "c", "d", "e", "f")
	var h handled
	spec := rpatterns.NewBatchSpec(log.stream, rpatterns.NewBatchConsumer("test", newFakeStore(), h.batch, time.Millisecond, 2),
		reflex.WithStreamToHead())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := reflex.Run(t.Context(), spec)
			if !errors.Is(err, reflex.ErrHeadReached) && !errors.Is(err, rpatterns.ErrBatchState) &&
				!errors.Is(err, rpatterns.ErrStaleAck) && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, spec.Stop())
}

// Whatever the length, the period, the pace of the stream, the failures and the restarts: all events are handled, in
// order, and the cursor passes none that was not.
func TestBatchesLoseNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.IntRange(0, 4).Draw(rt, "length")
		period := time.Duration(rapid.IntRange(0, 3).Draw(rt, "period")) * time.Second
		if length == 0 {
			period += time.Second
		}
		pauses := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 12).Draw(rt, "pauses")
		fails := rapid.SliceOfN(rapid.Bool(), 0, 12).Draw(rt, "fails")
		stops := rapid.SliceOfN(rapid.IntRange(0, 8), 0, 3).Draw(rt, "stops")
		synctest.Test(t, func(t *testing.T) {
			log, store := newFakeLog(), newFakeStore()
			done := -1 // the last event handled, of those in order
			bc := rpatterns.NewBatchConsumer("test", store, func(_ context.Context, b rpatterns.Batch) error {
				if length > 0 {
					require.LessOrEqual(t, len(b), length)
				}
				fail := len(fails) > 0 && fails[0]
				fails = fails[min(1, len(fails)):]
				for i, e := range b {
					require.Equal(t, b[0].IDInt()+int64(i), e.IDInt())
				}
				require.LessOrEqual(t, int(b[0].IDInt()), done+1, "an event was passed over")
				if fail {
					return errOfLogic
				}
				done = max(done, int(b[len(b)-1].IDInt()))
				return nil
			}, period, length, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
			spec := rpatterns.NewBatchSpec(log.stream, bc)
			go func() {
				for i, pause := range pauses {
					after(time.Duration(pause) * 700 * time.Millisecond)
					log.append(strconv.Itoa(i))
				}
			}()
			cursor := -1
			check := func() {
				if got, _ := store.GetCursor(context.Background(), "test"); got != "" {
					now, _ := strconv.Atoi(got)
					require.GreaterOrEqual(t, now, cursor)
					cursor = now
				}
				require.LessOrEqual(t, cursor, done)
			}
			for _, seconds := range append(stops, 100) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*1100*time.Millisecond)
				for ctx.Err() == nil {
					err := reflex.Run(ctx, spec)
					require.True(t, errors.Is(err, errOfLogic) || errors.Is(err, context.DeadlineExceeded), "%v", err)
					check()
				}
				cancel()
			}
			left := 0
			if period == 0 {
				left = len(pauses) % length // never complete
			}
			require.Equal(t, len(pauses)-1-left, done)
			require.Equal(t, done, cursor)
			require.NoError(t, spec.Stop())
		})
	})
}
