package rpatterns_test

import (
	"context"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Two orders are charged in one call, so the cursor moves with every second one only.
func ExampleNewAckConsumer() {
	ctx := context.Background()
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "order-1"}, {ID: "1", ForeignID: "order-2"}, {ID: "2", ForeignID: "order-3"},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore()

	var pair []string
	charge := rpatterns.NewAckConsumer("example-charge", cursors, func(ctx context.Context, e *rpatterns.AckEvent) error {
		pair = append(pair, e.ForeignID)
		if len(pair) < 2 {
			return nil
		}
		fmt.Println("charged", pair)
		pair = nil
		return e.Ack(ctx) // this one and all before it are done
	})
	err := reflex.Run(ctx, rpatterns.NewAckSpec(stream, charge))
	fmt.Println(err)

	cursor, err := cursors.GetCursor(ctx, "example-charge")
	fmt.Println("the next run begins after", cursor, err)
	// Output:
	// charged [order-1 order-2]
	// recv error: the event stream has reached the current head
	// the next run begins after 1 <nil>
}
