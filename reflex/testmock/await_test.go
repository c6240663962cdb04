package testmock_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/testmock"
	"github.com/kreflex/kreflex/rpatterns"
)

// awaitFatal returns with what AwaitConsumer failed its test, or "" if it didn't.
func awaitFatal(t *testing.T, store reflex.CursorStore, eventID int64) string {
	t.Helper()
	return fatal(t, func(tb testing.TB) {
		tb.Helper()
		testmock.AwaitConsumer(tb, store, "billing", eventID)
	})
}

func TestAwaitConsumerReturnsWhenTheCursorIsThere(t *testing.T) {
	for _, cursor := range []string{"7", "8", "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4", "12@Rk3sT1x2Q9ilbZk9Pb1xGg"} {
		store := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", cursor))
		require.Empty(t, awaitFatal(t, store, 7), cursor)
	}
}

func TestAwaitConsumerWaitsForTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := rpatterns.MemCursorStore()
		done := make(chan struct{})
		go func() {
			defer close(done)
			testmock.AwaitConsumer(t, store, "billing", 2)
		}()
		for _, cursor := range []string{"0", "1", "2"} {
			<-time.After(time.Second)
			select {
			case <-done:
				require.Fail(t, "returned early", "before the cursor %s", cursor)
			default:
			}
			require.NoError(t, store.SetCursor(t.Context(), "billing", cursor))
		}
		<-time.After(time.Second)
		synctest.Wait()
		<-done
	})
}

// It used to return when the time was over, so that a test of a consumer that hangs went on, and
// passed if it looked at nothing else.
func TestAwaitConsumerFailsTheTestOnTimeout(t *testing.T) {
	for cursor, seen := range map[string]string{"": "it has no cursor", "6": `its cursor is "6"`} {
		synctest.Test(t, func(t *testing.T) {
			store := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", cursor))
			start := time.Now()
			got := awaitFatal(t, store, 7)
			require.Equal(t, `consumer "billing" has not consumed event 7 within 15s: `+seen, got)
			require.Equal(t, 15*time.Second, time.Since(start))
		})
	}
}

func TestAwaitConsumerIsBoundedByAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(testmock.CursorStore)
		store.On("GetCursor", mock.Anything, "billing").Return(func(ctx context.Context, _ string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})
		got := awaitFatal(t, store, 7)
		require.Equal(t, `consumer "billing" has not consumed event 7 within 15s: its cursor was never read`, got)
	})
}

// Without a cursor nothing was consumed. It used to count as 0, which is the first
// event of a Kafka partition.
func TestAwaitConsumerOfEventZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := rpatterns.MemCursorStore()
		require.Contains(t, awaitFatal(t, store, 0), "it has no cursor")
		require.NoError(t, store.SetCursor(t.Context(), "billing", "0"))
		require.Empty(t, awaitFatal(t, store, 0))
	})
}

func TestAwaitConsumerFailsAtOnceWhenWaitingIsOfNoUse(t *testing.T) {
	text := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", "orders|7"))
	require.Contains(t, awaitFatal(t, text, 7),
		`consumer "billing": its cursor "orders|7" is not that of an integer ID`)

	broken := new(testmock.CursorStore)
	broken.On("GetCursor", mock.Anything, "billing").Return("", errors.New("no broker"))
	require.Equal(t, `consumer "billing": get cursor error: no broker`,
		awaitFatal(t, broken, 7))
}

func TestCursorStoreReturnsWhatItIsTold(t *testing.T) {
	errStore := errors.New("store")
	var store reflex.CursorStore

	values := new(testmock.CursorStore)
	values.Test(t)
	values.On("GetCursor", mock.Anything, "a").Return("1", nil)
	values.On("GetCursor", mock.Anything, "b").Return("", errStore)
	values.On("SetCursor", mock.Anything, "a", "2").Return(nil)
	values.On("SetCursor", mock.Anything, "b", "2").Return(errStore)
	values.On("Flush", mock.Anything).Return(nil).Once()
	values.On("Flush", mock.Anything).Return(errStore)
	store = values
	cursor, err := store.GetCursor(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "1", cursor)
	_, err = store.GetCursor(t.Context(), "b")
	require.Equal(t, errStore, err)
	require.NoError(t, store.SetCursor(t.Context(), "a", "2"))
	require.Equal(t, errStore, store.SetCursor(t.Context(), "b", "2"))
	require.NoError(t, store.Flush(t.Context()))
	require.Equal(t, errStore, store.Flush(t.Context()))
	values.AssertExpectations(t)

	// As functions, and in the form in which luno/reflex's own tests make one.
	functions := &testmock.CursorStore{Mock: mock.Mock{ExpectedCalls: []*mock.Call{
		{Method: "GetCursor", Arguments: mock.Arguments{mock.Anything, "c"}, ReturnArguments: mock.Arguments{
			func(_ context.Context, name string) string { return "of " + name },
			func(context.Context, string) error { return errStore },
		}},
		{Method: "SetCursor", Arguments: mock.Arguments{mock.Anything, "c", "3"}, ReturnArguments: mock.Arguments{
			func(_ context.Context, _, cursor string) error { return errors.New(cursor) },
		}},
		{Method: "Flush", Arguments: mock.Arguments{mock.Anything}, ReturnArguments: mock.Arguments{
			func(context.Context) error { return errStore },
		}},
	}}}
	store = functions
	cursor, err = store.GetCursor(t.Context(), "c")
	require.Equal(t, "of c", cursor)
	require.Equal(t, errStore, err)
	require.EqualError(t, store.SetCursor(t.Context(), "c", "3"), "3")
	require.Equal(t, errStore, store.Flush(t.Context()))
}
