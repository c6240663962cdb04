package reflex_test

import (
	"context"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// resetting notes its resets.
type resetting struct {
	fakeConsumer
	reset func() error
}

func (r resetting) Reset() error { return r.reset() }

type resettingCtx struct {
	fakeConsumer
	reset func(ctx context.Context) error
}

func (r resettingCtx) Reset(ctx context.Context) error { return r.reset(ctx) }

func TestOrderOfARun(t *testing.T) {
	var (
		calls = new(journal)
		store = &fakeStore{journal: calls, cursors: map[string]string{"consumer": "7"}}
		ended context.Context
		next  = []*reflex.Event{event(8), event(9)}
	)
	stream := func(ctx context.Context, after string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
		calls.note("stream after " + after)
		ended = ctx
		return &fakeClient{
			recv: func() (*reflex.Event, error) {
				calls.note("recv")
				if len(next) == 0 {
					return nil, errEnd
				}
				e := next[0]
				next = next[1:]
				return e, nil
			},
			close: func() error {
				calls.note("close")
				require.NoError(t, ctx.Err(), "closed with a live context")
				return nil
			},
		}, nil
	}
	store.flush = func(context.Context) error {
		require.NoError(t, ended.Err(), "flushed before the context ends")
		return nil
	}
	consumer := resettingCtx{
		fakeConsumer: fakeConsumer{name: "consumer", consume: func(_ context.Context, e *reflex.Event) error {
			calls.note("consume " + e.ID)
			return nil
		}},
		reset: func(context.Context) error {
			calls.note("reset")
			return nil
		},
	}

	err := reflex.Run(t.Context(), reflex.NewSpec(stream, store, consumer))
	require.EqualError(t, err, "recv error: end")
	require.True(t, errors.Is(err, errEnd))
	require.Error(t, ended.Err(), "the context ends with the run")
	require.Equal(t, []string{
		"get consumer", "reset", "stream after 7",
		"recv", "consume 8", "set consumer 8",
		"recv", "consume 9", "set consumer 9",
		"recv", "close", "flush",
	}, calls.list())
}

func TestErrorsOfARun(t *testing.T) {
	fail := func(context.Context) error { return errors.New("no more cursors") }
	failing := func(err error) reflex.ConsumerFunc {
		return func(context.Context, *reflex.Event) error { return err }
	}
	tests := []struct {
		name     string
		stream   reflex.StreamFunc
		store    *fakeStore
		consumer reflex.Consumer
		want     string
		cursor   string
	}{
		{
			name:     "get cursor",
			store:    &fakeStore{get: fail},
			consumer: consumerOf(nil),
			want:     "get cursor error: no more cursors",
		},
		{
			name:     "reset with context",
			store:    &fakeStore{},
			consumer: resettingCtx{fakeConsumer{name: "consumer"}, fail},
			want:     "reset error: no more cursors",
		},
		{
			name:     "reset",
			store:    &fakeStore{},
			consumer: resetting{fakeConsumer{name: "consumer"}, func() error { return errDone }},
			want:     "reset error: done",
		},
		{
			name: "stream is not wrapped",
			stream: func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
				return nil, errEnd
			},
			store:    &fakeStore{},
			consumer: consumerOf(nil),
			want:     "end",
		},
		{
			name:     "recv",
			store:    &fakeStore{},
			consumer: consumerOf(nil),
			want:     "recv error: end",
			cursor:   "2",
		},
		{
			name:     "consume leaves the cursor before the event",
			store:    &fakeStore{cursors: map[string]string{"consumer": "1"}},
			consumer: consumerOf(failing(errDone)),
			want:     "consume error: done",
			cursor:   "1",
		},
		{
			name: "set cursor",
			store: &fakeStore{set: func(_ context.Context, cursor string) error {
				if cursor == "2" {
					return errDone
				}
				return nil
			}},
			consumer: consumerOf(nil),
			want:     "set cursor error: done",
			cursor:   "1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stream := test.stream
			if stream == nil {
				stream = reflex.NewMockStream(events(2), errEnd)
			}
			err := reflex.Run(t.Context(), reflex.NewSpec(stream, test.store, test.consumer))
			require.EqualError(t, err, test.want)
			require.Equal(t, test.cursor, test.store.cursor("consumer"))
			require.Equal(t, 1, test.store.flushes, "flushed however it ends")
		})
	}
}

func TestErrorsNameTheEvent(t *testing.T) {
	want := map[string]string{"consumer": "consumer", "event_id": "1", "event_fid": "f1"}
	fail := func(context.Context, *reflex.Event) error { return errDone }
	stream := reflex.NewMockStream(events(1), errEnd)

	err := reflex.Run(t.Context(), reflex.NewSpec(stream, new(fakeStore), consumerOf(fail)))
	require.Equal(t, want, errors.GetKeyValues(err))

	store := &fakeStore{set: func(context.Context, string) error { return errDone }}
	err = reflex.Run(t.Context(), reflex.NewSpec(stream, store, consumerOf(nil)))
	require.Equal(t, want, errors.GetKeyValues(err))
}

// Sources exist whose events have neither type nor ID, only a foreign ID.
func TestEventsWithoutIDOrTypeAreConsumed(t *testing.T) {
	calls := new(journal)
	next := []*reflex.Event{{ForeignID: "a"}, {ForeignID: "b"}}
	client := &fakeClient{recv: func() (*reflex.Event, error) {
		if len(next) == 0 {
			return nil, errEnd
		}
		e := next[0]
		next = next[1:]
		return e, nil
	}}
	consumer, _ := newConsumer(t, func(_ context.Context, e *reflex.Event) error {
		calls.note(e.ForeignID)
		return nil
	})
	err := reflex.Run(t.Context(), reflex.NewSpec(streamOf(client), &fakeStore{journal: calls}, consumer))
	require.EqualError(t, err, "recv error: end")
	require.Equal(t, []string{"get test", "a", "set test ", "b", "set test ", "flush"}, calls.list())
}

// A client that ends with neither an event nor an error would crash the
// process, and again after each restart.
func TestRecvOfNothingIsAnError(t *testing.T) {
	client := &fakeClient{recv: func() (*reflex.Event, error) { return nil, nil }}
	err := reflex.Run(t.Context(), reflex.NewSpec(streamOf(client), new(fakeStore), consumerOf(nil)))
	require.EqualError(t, err, "recv error: the stream returned neither an event nor an error")
	require.True(t, errors.Is(err, reflex.ErrNoEvent))
	require.False(t, reflex.IsExpected(err))
}

// The client always has another event and never looks at its context, and neither
// do the consumer and the store. So only Run can notice that it should end.
func TestCancelEndsARunWhoseClientIgnoresIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	id := 0
	client := &fakeClient{recv: func() (*reflex.Event, error) {
		id++
		require.LessOrEqual(t, id, 3, "goes on after cancel")
		return event(id), nil
	}}
	store := new(fakeStore)
	consumer := consumerOf(func(_ context.Context, e *reflex.Event) error {
		if e.ID == "3" {
			cancel()
		}
		return nil
	})
	err := reflex.Run(ctx, reflex.NewSpec(streamOf(client), store, consumer))
	require.EqualError(t, err, "recv error: context canceled")
	require.True(t, reflex.IsExpected(err))
	require.Equal(t, "3", store.cursor("consumer"), "the event in hand is done")
}

// A panic used to end the process, or the goroutine of Run where somebody
// recovered; the same event then did so again, without a word in an error metric.
func TestPanicOfAConsumerIsAnError(t *testing.T) {
	store := new(fakeStore)
	consumer := consumerOf(func(_ context.Context, e *reflex.Event) error {
		if e.ID == "2" {
			panic("no such thing")
		}
		return nil
	})
	err := reflex.Run(t.Context(), reflex.NewSpec(reflex.NewMockStream(events(2), errEnd), store, consumer))
	require.EqualError(t, err, "consume error: panic in consumer: no such thing")
	require.Equal(t, "1", store.cursor("consumer"))

	var panicErr *reflex.PanicError
	require.True(t, errors.As(err, &panicErr))
	require.Equal(t, "no such thing", panicErr.Value)
	require.Contains(t, string(panicErr.Stack), "TestPanicOfAConsumerIsAnError")
	require.Equal(t, "2", errors.GetKeyValues(err)["event_id"])
}

func TestPanicWithAnErrorWrapsIt(t *testing.T) {
	consumer := consumerOf(func(context.Context, *reflex.Event) error { panic(errDone) })
	err := reflex.Run(t.Context(), reflex.NewSpec(reflex.NewMockStream(events(1), errEnd), new(fakeStore), consumer))
	require.EqualError(t, err, "consume error: panic in consumer: done")
	require.True(t, errors.Is(err, errDone))
}

// What a store or client does with a panic is not ours to hide, but they are still
// closed and flushed.
func TestPanicOfAClientIsCleanedUpAfter(t *testing.T) {
	calls := new(journal)
	client := &fakeClient{
		recv:  func() (*reflex.Event, error) { panic("client") },
		close: func() error { calls.note("close"); return nil },
	}
	require.PanicsWithValue(t, "client", func() {
		_ = reflex.Run(t.Context(), reflex.NewSpec(streamOf(client), &fakeStore{journal: calls}, consumerOf(nil)))
	})
	require.Equal(t, []string{"get consumer", "close", "flush"}, calls.list())
}
