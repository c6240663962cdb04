package testmock_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/testmock"
	"github.com/kreflex/kreflex/rpatterns"
)

// exampleTest stands for the *testing.T of a test.
type exampleTest struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTest) Helper()                           {}
func (t *exampleTest) Context() context.Context          { return context.Background() }
func (t *exampleTest) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }
func (t *exampleTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (t *exampleTest) end() {
	for _, f := range t.cleanups {
		f()
	}
}

// A test of a consumer: insert events, run the consumer, wait until it has had them, and look at what it did.
func ExampleNewTestStreamer() {
	t := new(exampleTest) // the test's own
	defer t.end()

	streamer := testmock.NewTestStreamer(t)
	cursors := rpatterns.MemCursorStore()
	var billed []string
	consumer := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		billed = append(billed, e.ForeignID)
		return nil
	})
	ended := make(chan error)
	go func() {
		ended <- reflex.Run(t.Context(), reflex.NewSpec(streamer.StreamFunc(), cursors, consumer))
	}()

	streamer.InsertEvent(reflex.Event{ID: "0", ForeignID: "order 10", Timestamp: time.Now()})
	streamer.InsertEvent(reflex.Event{ID: "1", ForeignID: "order 11", Timestamp: time.Now()})
	testmock.AwaitConsumer(t, cursors, "billing", 1)

	streamer.Stop()
	fmt.Println(<-ended)
	fmt.Println(billed)
	// Output:
	// recv error: context canceled
	// [order 10 order 11]
}

// A test of what a consumer does when its cursor can't be stored.
func ExampleCursorStore() {
	cursors := new(testmock.CursorStore)
	cursors.On("GetCursor", mock.Anything, "billing").Return("", nil)
	cursors.On("SetCursor", mock.Anything, "billing", "0").Return(fmt.Errorf("disk full"))
	cursors.On("Flush", mock.Anything).Return(nil)

	consumer := reflex.NewConsumer("billing", func(context.Context, *reflex.Event) error { return nil })
	stream := reflex.NewMockStream([]*reflex.Event{{ID: "0"}, {ID: "1"}}, nil)
	fmt.Println(reflex.Run(context.Background(), reflex.NewSpec(stream, cursors, consumer)))
	// Output:
	// set cursor error: disk full
}
