package kafkacursor_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/reflex"
)

// A and B both run billing. B took it over and set a cursor: A is told, once it is
// seen, and what A set since is dropped.
func TestOwnerIsToldThatItIsSuperseded(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			a, b := e.open(opts...), e.open(opts...)
			e.requireAt(a, "")
			e.write(a, "1", "2")
			e.requireAt(b, "2")
			e.write(b, "3")

			err := e.eventuallyRefused(a, "9")
			// Whether the refusal of a write or the other's record comes first.
			want := map[string]error{"plain": kafkacursor.ErrSuperseded, "fenced": kafkacursor.ErrFenced}[name]
			require.ErrorIs(t, err, want)
			require.Error(t, a.SetCursor(e.ctx, "billing", "10"), "or it would take over by going on")
			require.NoError(t, a.Flush(e.ctx), "it was told already")
			e.requireAt(a, "3")
			e.write(a, "4")
			require.Error(t, e.eventuallyRefused(b, "5"))
		})
	}
}

func variants() map[string][]kafkacursor.Option {
	return map[string][]kafkacursor.Option{"plain": nil, "fenced": {kafkacursor.WithFencing("test-")}}
}

// A wrote under epoch 1. B took over, wrote 5 under epoch 2, and then a late
// write of A arrived. A reader prefers B's, but compaction keeps the last record
// of a key: B writes its cursor again.
func TestLateWriteOfAFormerOwnerIsOverwritten(t *testing.T) {
	e := newEnv(t)
	b := e.open()
	late := e.client()
	e.produce(late, "2", "1")
	e.requireAt(b, "2")
	e.write(b, "5")
	e.produce(late, "3", "1")
	e.eventually("the cursor is written again", func() bool {
		all := e.records()
		return len(all) == 4 && all[3] == "5@2"
	})
	e.requireAt(e.open(), "5")
	require.NoError(t, b.SetCursor(e.ctx, "billing", "6"))
}

// As before, but B died before it saw the late write. Its successor C reads 5, and
// writes that before anything else.
func TestShadowedCursorIsWrittenAgainByTheNextOwner(t *testing.T) {
	e := newEnv(t)
	late := e.client()
	e.open().Close() // for the topic
	e.produce(late, "5", "2")
	e.produce(late, "3", "1")
	c := e.open()
	e.requireAt(c, "5")
	e.eventually("the cursor is written again", func() bool {
		all := e.records()
		return len(all) == 3 && all[2] == "5@3"
	})
}

// The same consumer runs twice in one process, as by a mistake in its main. The
// slower of the two would set the cursor back with every event.
func TestSlowerOfTwoRunsInOneProcessIsRefused(t *testing.T) {
	e := newEnv(t)
	s := e.open()
	e.requireAt(s, "")
	e.requireAt(s, "")
	e.write(s, "7")
	err := s.SetCursor(e.ctx, "billing", "5")
	requireErrorHas(t, err, kafkacursor.ErrCursorRegression, "cursor 5", "cursor 7")
	e.write(s, "8")
	e.requireAt(e.open(), "8")
}

// Two stores took over at the same time, so both have epoch 1. The first record in the
// log decides.
func TestFirstToWriteKeepsAnEpochThatTwoTook(t *testing.T) {
	e := newEnv(t)
	a, b := e.open(), e.open()
	e.requireAt(a, "")
	e.requireAt(b, "")
	e.write(a, "1")
	require.ErrorIs(t, e.eventuallyRefused(b, "1"), kafkacursor.ErrSuperseded)
	e.requireAt(b, "1")
	e.write(b, "2")
	require.ErrorIs(t, e.eventuallyRefused(a, "2"), kafkacursor.ErrSuperseded)
}

// numbers is a stream of events 0, 1, 2 and so on that never ends.
func numbers(_ context.Context, after string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	next := 0
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil {
			return nil, err
		}
		next = n + 1
	}
	return &numberStream{next: next}, nil
}

type numberStream struct{ next int }

func (s *numberStream) Recv() (*reflex.Event, error) {
	e := &reflex.Event{ID: strconv.Itoa(s.next), ForeignID: "x", Timestamp: time.Now()}
	s.next++
	return e, nil
}

// An operator sets back the cursor of a consumer that runs. The run ends, and the
// next goes on from where the operator said.
func TestResetTakesEffectOnALiveConsumer(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			s, operator := e.open(opts...), e.open(kafkacursor.WithoutCreate())
			seen := make(chan string)
			consumer := reflex.NewConsumer("billing", func(ctx context.Context, event *reflex.Event) error {
				select {
				case seen <- event.ID:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
			run := func(ctx context.Context) chan error {
				ended := make(chan error, 1)
				go func() { ended <- reflex.Run(ctx, reflex.NewSpec(numbers, s, consumer)) }()
				return ended
			}
			ended := run(e.ctx)
			for range 10 {
				<-seen
			}
			require.NoError(t, operator.Reset(e.ctx, kafkacursor.Key{Consumer: "billing"}, "3"))
			var err error
			for err == nil {
				select {
				case <-seen:
				case err = <-ended:
				}
			}
			require.ErrorIs(t, err, kafkacursor.ErrSuperseded)

			ctx, cancel := context.WithCancel(e.ctx)
			ended = run(ctx)
			require.Equal(t, "4", <-seen)
			cancel()
			<-ended
		})
	}
}

func TestPeekTakesNothingOver(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			s, tool := e.open(opts...), e.open(opts...)
			e.requireAt(s, "")
			e.write(s, "1")
			entry, ok, err := tool.Peek(e.ctx, kafkacursor.Key{Consumer: "billing"})
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "1", entry.Cursor)
			require.Equal(t, int64(1), entry.Epoch)
			require.WithinDuration(t, time.Now(), entry.Time, time.Minute)
			_, err = tool.List(e.ctx)
			require.NoError(t, err)
			e.write(s, "2")
			require.NoError(t, s.SetCursor(e.ctx, "billing", "3"))
		})
	}
}

// A has a cursor pending when B takes over, and wakes up long after. In fenced mode no
// write of A is visible from the moment that B's GetCursor returned.
func TestZombieIsFenced(t *testing.T) {
	e := newEnv(t)
	fencing := kafkacursor.WithFencing("test-")
	a, b := e.open(fencing, kafkacursor.WithFlushInterval(time.Hour)), e.open(fencing)
	e.requireAt(a, "")
	e.write(a, "1")
	require.NoError(t, a.SetCursor(e.ctx, "billing", "2"))
	e.requireAt(b, "1")
	err := a.Flush(e.ctx)
	requireErrorHas(t, err, kafkacursor.ErrFenced, "billing")
	require.NoError(t, a.Flush(e.ctx), "it was told already")
	require.ErrorIs(t, a.SetCursor(e.ctx, "billing", "3"), kafkacursor.ErrFenced)
	require.Equal(t, []string{"1@1"}, e.records())

	e.write(b, "5")
	e.requireAt(a, "5") // takes it back
	require.NoError(t, b.SetCursor(e.ctx, "billing", "6"))
	require.ErrorIs(t, b.Flush(e.ctx), kafkacursor.ErrFenced)
	e.write(a, "7")
	e.requireAt(b, "7")
}

// The first transaction of a client was aborted by kgo now and then, without an error:
// the broker acknowledged its record before kgo had stored the topic's partitions,
// in which ending the transaction looks for what there is to commit. Each GetCursor
// makes a new client, so each first cursor of a run was in danger.
func TestFirstTransactionOfAClientIsCommitted(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithFencing("test-"))
	e.requireAt(s, "")
	for i := range 300 {
		cursor := strconv.Itoa(i)
		e.write(s, cursor)
		e.requireAt(s, cursor)
	}
}

// Another program's transaction with our transactional ID is a takeover too.
func TestForeignTransactionFences(t *testing.T) {
	e := newEnv(t)
	s := e.open(kafkacursor.WithFencing("test-"))
	e.requireAt(s, "")
	e.write(s, "1")
	other := e.client(kgo.TransactionalID("test-billing"))
	_, _, err := other.ProducerID(e.ctx)
	require.NoError(t, err)
	require.NoError(t, s.SetCursor(e.ctx, "billing", "2"))
	require.ErrorIs(t, s.Flush(e.ctx), kafkacursor.ErrFenced)
}

// Not every program reads the cursor first: rpatterns.ReadThrough sets it at once.
func TestFirstSetTakesTheConsumerOver(t *testing.T) {
	for name, opts := range variants() {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			a, b := e.open(opts...), e.open(opts...)
			e.write(a, "1", "2")
			e.write(b, "3")
			require.Error(t, e.eventuallyRefused(a, "4"))
			c := e.open(opts...)
			require.ErrorIs(t, c.SetCursor(e.ctx, "billing", "2"), kafkacursor.ErrCursorRegression)
		})
	}
}
