package rpatterns_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// A mail that can't be sent at the second try is given up, with a line in the log.
func ExampleNewBestEffortConsumer() {
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "no address"}, {ID: "1", ForeignID: "ann@example.com"},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore()

	mail := rpatterns.NewBestEffortConsumer("example-mail", 1, func(_ context.Context, e *reflex.Event) error {
		if e.ForeignID == "no address" {
			return errors.New("no address")
		}
		fmt.Println("mailed", e.ForeignID)
		return nil
	})
	spec := reflex.NewSpec(stream, cursors, mail)
	for range 2 { // a program has RunForever
		fmt.Println(reflex.Run(context.Background(), spec))
	}
	// Output:
	// consume error: no address
	// mailed ann@example.com
	// recv error: the event stream has reached the current head
}
