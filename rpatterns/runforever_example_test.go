package rpatterns_test

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// A program runs its consumers until it ends. What ends a run is logged, and after a pause the consumer
// goes on from its cursor.
func ExampleRunForever() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "1", ForeignID: "order-7"},
		{ID: "2", ForeignID: "order-8"},
		{ID: "3", ForeignID: "order-9"},
	}, reflex.ErrStopped)

	consumer := reflex.NewConsumer("shipping", func(_ context.Context, e *reflex.Event) error {
		fmt.Println("ship", e.ForeignID)
		if e.ForeignID == "order-9" {
			cancel() // a signal to end, in a program
		}
		return nil
	})
	spec := reflex.NewSpec(stream, rpatterns.MemCursorStore(), consumer)

	// Here there is one context. Where only a leader may consume, the function
	// waits until this instance is the leader.
	rpatterns.RunForever(func() context.Context { return ctx }, spec)
	// Output:
	// ship order-7
	// ship order-8
	// ship order-9
}

// A policy decides how long to wait and whether to run again.
func ExampleWithRunPolicy() {
	errNoStock := errors.New("no stock", errors.C("ERR_NO_STOCK"))
	stream := reflex.NewMockStream([]*reflex.Event{{ID: "1", ForeignID: "order-7"}}, reflex.ErrStopped)
	tries := 0
	consumer := reflex.NewConsumer("stock", func(context.Context, *reflex.Event) error {
		tries++
		if tries < 3 {
			return reflex.ErrStopped
		}
		return errNoStock
	})
	spec := reflex.NewSpec(stream, rpatterns.MemCursorStore(), consumer)

	var last error
	rpatterns.RunForever(context.Background, spec, rpatterns.WithRunPolicy(
		func(err error, failures int) (time.Duration, bool) {
			last = err
			return time.Duration(failures) * time.Millisecond, !errors.Is(err, errNoStock)
		}))

	fmt.Println(tries, "tries:", last)
	// Output: 3 tries: consume error: no stock
}
