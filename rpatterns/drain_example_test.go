package rpatterns_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// The program is told to end while an order is being shipped. The shipment is completed, and not repeated by the
// next instance.
func ExampleNewDrainSpec() {
	ctx, cancel := context.WithCancel(context.Background())
	store := rpatterns.MemCursorStore()
	ship := reflex.NewConsumer("drain-shipping", func(ctx context.Context, e *reflex.Event) error {
		fmt.Println("print a label for", e.ForeignID)
		cancel() // a signal to end
		fmt.Println("the handler may go on:", ctx.Err() == nil)
		fmt.Println("ship", e.ForeignID)
		return nil
	})
	spec := rpatterns.NewDrainSpec(newFakeLog("order-7", "order-8").stream, store, ship, 20*time.Second)

	fmt.Println(reflex.Run(ctx, spec))
	cursor, err := store.GetCursor(context.Background(), "drain-shipping")
	fmt.Println("cursor:", cursor, err)
	// Output:
	// print a label for order-7
	// the handler may go on: true
	// ship order-7
	// recv error: context canceled
	// cursor: order-7 <nil>
}
