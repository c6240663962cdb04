package rpatterns_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Orders are indexed two at a time, or after a tenth of a second if no more come.
func ExampleNewBatchConsumer() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "order-1"}, {ID: "1", ForeignID: "order-2"}, {ID: "2", ForeignID: "order-3"},
	}, nil) // and no more
	cursors := rpatterns.MemCursorStore()

	index := rpatterns.NewBatchConsumer("example-index", cursors, func(_ context.Context, batch rpatterns.Batch) error {
		for _, e := range batch {
			fmt.Println("indexed", e.ForeignID)
		}
		fmt.Println("batch of", len(batch))
		if batch[len(batch)-1].ID == "2" {
			stop()
		}
		return nil
	}, 100*time.Millisecond, 2)
	err := reflex.Run(ctx, rpatterns.NewBatchSpec(stream, index))
	fmt.Println(err)

	// What was done when the program was told to stop is not done again.
	cursor, err := cursors.GetCursor(context.Background(), "example-index")
	fmt.Println("the next run begins after", cursor, err)
	// Output:
	// indexed order-1
	// indexed order-2
	// batch of 2
	// indexed order-3
	// batch of 1
	// recv error: context canceled
	// the next run begins after 2 <nil>
}
