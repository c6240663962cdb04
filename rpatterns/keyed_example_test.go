package rpatterns_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Payments are handled many at a time, but those of one customer in their order.
func ExampleNewKeyedConsumer() {
	// In a service this is a partition: kafkastream.NewPartition(...).Stream.
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "ann", MetaData: []byte("opened")},
		{ID: "1", ForeignID: "bob", MetaData: []byte("opened")},
		{ID: "2", ForeignID: "ann", MetaData: []byte("paid")},
		{ID: "3", ForeignID: "bob", MetaData: []byte("paid")},
		{ID: "4", ForeignID: "ann", MetaData: []byte("closed")},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore()

	var (
		mu      sync.Mutex
		history = make(map[string][]string)
	)
	logic := func(_ context.Context, e *reflex.Event) error {
		mu.Lock()
		defer mu.Unlock()
		history[e.ForeignID] = append(history[e.ForeignID], string(e.MetaData))
		return nil
	}

	consumer := rpatterns.NewKeyedConsumer(cursors, reflex.NewConsumer("billing", logic), nil, 64)
	spec := rpatterns.NewKeyedSpec(stream, consumer)
	err := reflex.Run(context.Background(), spec)
	fmt.Println("head reached:", reflex.IsHeadReachedErr(err))

	fmt.Println("ann:", history["ann"])
	fmt.Println("bob:", history["bob"])
	cursor, err := cursors.GetCursor(context.Background(), "billing")
	fmt.Println("cursor:", cursor, err)

	// Output:
	// head reached: true
	// ann: [opened paid closed]
	// bob: [opened paid]
	// cursor: 4 <nil>
}
