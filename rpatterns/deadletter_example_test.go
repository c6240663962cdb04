package rpatterns_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// An order that can't be charged at the second try is put aside for somebody to look at.
func ExampleNewDeadLetterConsumer() {
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "order-1"}, {ID: "1", ForeignID: "order-2"},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore()

	// In a program this is a table or a topic. It must have recorded the event when it returns nil.
	record := func(_ context.Context, consumerName, eventID, errMsg string) error {
		fmt.Printf("put aside event %s of %s: %s\n", eventID, consumerName, errMsg)
		return nil
	}
	charge := rpatterns.NewDeadLetterConsumer("example-billing", 1, func(_ context.Context, e *reflex.Event) error {
		if e.ForeignID == "order-1" {
			return errors.New("card expired")
		}
		fmt.Println("charged", e.ForeignID)
		return nil
	}, record)
	spec := reflex.NewSpec(stream, cursors, charge)
	for range 2 { // a program has RunForever
		fmt.Println(reflex.Run(context.Background(), spec))
	}
	// Output:
	// consume error: card expired
	// put aside event 0 of example-billing: card expired
	// charged order-2
	// recv error: the event stream has reached the current head
}
