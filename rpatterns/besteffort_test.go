package rpatterns_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luno/fate"
	"github.com/luno/jettison/log"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

var errOfLogic = errors.New("the logic failed")

// patient is what both patterns that give events up have in common.
type patient struct {
	name string
	make func(retries int, fn reflex.ConsumerFunc) reflex.Consumer
}

// patients returns each pattern with a count of the events that it gave up.
func patients() []patient {
	return []patient{
		{name: "best effort", make: func(retries int, fn reflex.ConsumerFunc) reflex.Consumer {
			return rpatterns.NewBestEffortConsumer("test", retries, fn)
		}},
		{name: "dead letter", make: func(retries int, fn reflex.ConsumerFunc) reflex.Consumer {
			return rpatterns.NewDeadLetterConsumer("test", retries, fn,
				func(context.Context, string, string, string) error { return nil })
		}},
	}
}

func eachPatient(t *testing.T, test func(t *testing.T, p patient)) {
	t.Helper()
	log.SetCmdLoggerForTesting(t, io.Discard) // what is given up is logged
	for _, p := range patients() {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

func eventWithID(id string) *reflex.Event {
	return &reflex.Event{ID: id, ForeignID: id, Type: fakeType(1), Timestamp: time.Now()}
}

func TestAnEventIsGivenUpAfterItsRetries(t *testing.T) {
	eachPatient(t, func(t *testing.T, p patient) {
		t.Helper()
		for retries := range 3 {
			failing := true
			c := p.make(retries, func(context.Context, *reflex.Event) error {
				if failing {
					return errOfLogic
				}
				return nil
			})
			for _, id := range []string{"1", "2"} {
				for range retries {
					require.ErrorIs(t, c.Consume(t.Context(), eventWithID(id)), errOfLogic)
				}
				require.NoError(t, c.Consume(t.Context(), eventWithID(id)))
			}
			// Success takes back what was counted.
			for range retries {
				failing = true
				require.ErrorIs(t, c.Consume(t.Context(), eventWithID("3")), errOfLogic)
				failing = false
				require.NoError(t, c.Consume(t.Context(), eventWithID("3")))
			}
		}
	})
}

// A consumer is shut down again and again while its logic waits for something, and the
// event has used up its retries. It was given up, and so lost, by the shutdown.
func TestShutdownNeverGivesAnEventUp(t *testing.T) {
	for name, failure := range map[string]error{
		"cancelled":          context.Canceled,
		"wrapped":            fmt.Errorf("query: %w", context.Canceled),
		"cancelled over RPC": status.FromContextError(context.Canceled).Err(),
		"stopped":            reflex.ErrStopped,
		"fate":               fate.ErrTempt,
		"joined":             errors.Join(errOfLogic, context.DeadlineExceeded, context.Canceled),
	} {
		t.Run(name, func(t *testing.T) {
			eachPatient(t, func(t *testing.T, p patient) {
				t.Helper()
				c := p.make(0, func(context.Context, *reflex.Event) error { return failure })
				for range 3 {
					require.ErrorIs(t, c.Consume(t.Context(), eventWithID("1")), failure)
				}
			})
		})
	}
	t.Run("any error of a context that is done", func(t *testing.T) {
		eachPatient(t, func(t *testing.T, p patient) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			c := p.make(0, func(context.Context, *reflex.Event) error {
				cancel()
				return errOfLogic // a driver that has a text of its own for it
			})
			for range 3 {
				require.ErrorIs(t, c.Consume(ctx, eventWithID("1")), errOfLogic)
			}
		})
	})
	t.Run("the deadline of the context", func(t *testing.T) {
		eachPatient(t, func(t *testing.T, p patient) {
			t.Helper()
			// The other side of a call may find the deadline exceeded a little earlier.
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			c := p.make(0, func(context.Context, *reflex.Event) error { return context.DeadlineExceeded })
			for range 3 {
				require.ErrorIs(t, c.Consume(ctx, eventWithID("1")), context.DeadlineExceeded)
			}
		})
	})
}

// Shutdowns in between must not use up the retries either.
func TestShutdownDoesNotCount(t *testing.T) {
	eachPatient(t, func(t *testing.T, p patient) {
		t.Helper()
		failure := errOfLogic
		c := p.make(1, func(context.Context, *reflex.Event) error { return failure })
		for range 5 {
			failure = context.Canceled
			require.ErrorIs(t, c.Consume(t.Context(), eventWithID("1")), failure)
		}
		failure = errOfLogic
		require.ErrorIs(t, c.Consume(t.Context(), eventWithID("1")), errOfLogic)
		require.NoError(t, c.Consume(t.Context(), eventWithID("1")))
	})
}

// A call that the logic gives a second always takes longer for one event. That is no shutdown: held for
// one, the event would be tried for ever, and nobody would log it.
func TestTimeOutOfTheLogicsOwnIsAFailure(t *testing.T) {
	for name, failure := range map[string]error{
		"context": fmt.Errorf("call: %w", context.DeadlineExceeded),
		"RPC":     status.Error(codes.DeadlineExceeded, context.DeadlineExceeded.Error()),
	} {
		t.Run(name, func(t *testing.T) {
			eachPatient(t, func(t *testing.T, p patient) {
				t.Helper()
				c := p.make(1, func(context.Context, *reflex.Event) error { return failure })
				require.ErrorIs(t, c.Consume(t.Context(), eventWithID("1")), failure)
				require.NoError(t, c.Consume(t.Context(), eventWithID("1")))
			})
		})
	}
}

// A panic is turned into an error further out than the pattern, which never saw it: the
// event was in the way for ever.
func TestAPanicIsGivenUpLikeAnError(t *testing.T) {
	eachPatient(t, func(t *testing.T, p patient) {
		t.Helper()
		c := p.make(1, func(context.Context, *reflex.Event) error { panic("poison") })
		var panicked *reflex.PanicError
		require.ErrorAs(t, c.Consume(t.Context(), eventWithID("1")), &panicked)
		require.Equal(t, "poison", panicked.Value)
		require.NotEmpty(t, panicked.Stack)
		require.NoError(t, c.Consume(t.Context(), eventWithID("1")))
	})
}

// Events that fail at the same time took each other's count away, and both were tried for ever.
func TestFailuresAreCountedForEachEvent(t *testing.T) {
	eachPatient(t, func(t *testing.T, p patient) {
		t.Helper()
		c := p.make(2, func(context.Context, *reflex.Event) error { return errOfLogic })
		for range 2 {
			for id := range 5 {
				require.ErrorIs(t, c.Consume(t.Context(), eventWithID(strconv.Itoa(id))), errOfLogic)
			}
		}
		for id := range 5 {
			require.NoError(t, c.Consume(t.Context(), eventWithID(strconv.Itoa(id))))
		}
	})
}

func TestFailuresAreCountedConcurrently(t *testing.T) {
	eachPatient(t, func(t *testing.T, p patient) {
		t.Helper()
		const events, retries = 32, 5
		c := p.make(retries, func(context.Context, *reflex.Event) error { return errOfLogic })
		var wg sync.WaitGroup
		for id := range events {
			wg.Go(func() {
				for range retries {
					if err := c.Consume(t.Context(), eventWithID(strconv.Itoa(id))); !errors.Is(err, errOfLogic) {
						t.Errorf("event %d: %v", id, err)
					}
				}
				if err := c.Consume(t.Context(), eventWithID(strconv.Itoa(id))); err != nil {
					t.Errorf("event %d: %v", id, err)
				}
			})
		}
		wg.Wait()
	})
}

type fixedFate struct{ err error }

func (f fixedFate) Tempt() error { return f.err }

func TestPatternsGiveTheLogicItsFate(t *testing.T) {
	var got fate.Fate
	fn := func(_ context.Context, f fate.Fate, _ *reflex.Event) error {
		got = f
		return f.Tempt()
	}
	insert := func(context.Context, string, string, string) error { return nil }
	with := reflex.WithConsumerFate(fixedFate{errOfLogic})
	for _, c := range []reflex.Consumer{
		rpatterns.NewBestEffortConsumer("test", 1, fn, with),
		rpatterns.NewDeadLetterConsumer("test", 1, fn, insert, with),
	} {
		got = nil
		require.ErrorIs(t, c.Consume(t.Context(), eventWithID("1")), errOfLogic)
		require.Equal(t, fixedFate{errOfLogic}, got)
	}
}

// What is skipped must at least be seen.
func TestBestEffortLogsWhatItGivesUp(t *testing.T) {
	var logged strings.Builder
	log.SetCmdLoggerForTesting(t, &logged)
	c := rpatterns.NewBestEffortConsumer("billing", 0, func(context.Context, *reflex.Event) error { return errOfLogic })
	require.NoError(t, c.Consume(t.Context(), eventWithID("7")))
	for _, part := range []string{"best effort consumer ignoring error", "the logic failed", "consumer=billing", "event_id=7"} {
		require.Contains(t, logged.String(), part)
	}
	logged.Reset()
	c = rpatterns.NewBestEffortConsumer("billing", 0, func(context.Context, *reflex.Event) error { return context.Canceled })
	require.Error(t, c.Consume(t.Context(), eventWithID("7")))
	require.Empty(t, logged.String())
}
