package rpatterns_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Mails have nothing to do with each other, and each takes its time.
func ExampleNewConcurrentConsumer() {
	// In a service this is a partition: kafkastream.NewPartition(...).Stream.
	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "welcome"},
		{ID: "1", ForeignID: "receipt"},
		{ID: "2", ForeignID: "reminder"},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore()

	var sent atomic.Int64
	logic := func(context.Context, *reflex.Event) error {
		sent.Add(1)
		return nil
	}

	consumer := rpatterns.NewConcurrentConsumer(cursors, reflex.NewConsumer("mailer", logic), 10)
	err := reflex.Run(context.Background(), rpatterns.NewConcurrentSpec(stream, consumer))
	fmt.Println("head reached:", reflex.IsHeadReachedErr(err))

	cursor, err := cursors.GetCursor(context.Background(), "mailer")
	fmt.Println("sent:", sent.Load(), "cursor:", cursor, err)

	// Output:
	// head reached: true
	// sent: 3 cursor: 2 <nil>
}
