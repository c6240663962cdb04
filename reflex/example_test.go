package reflex_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/luno/fate"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

var (
	errNoMore = errors.New("no more events")

	streamFunc = reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "order-7"},
		{ID: "1", ForeignID: "order-8"},
		{ID: "2", ForeignID: "order-9"},
	}, errNoMore)
)

// Business logic with a fate to tempt, and a loop around Run, that would have no end
// in a program.
func Example_fate() {
	log.SetFlags(0)
	log.SetOutput(os.Stdout)
	defer log.SetOutput(os.Stderr)
	cursorStore := rpatterns.MemCursorStore()

	logic := func(ctx context.Context, f fate.Fate, e *reflex.Event) error {
		log.Printf("Consumed event: %s", e.ForeignID)
		return f.Tempt()
	}
	consumer := reflex.NewConsumer("logging-consumer", logic, reflex.WithConsumerFate(kindFate{}))

	spec := reflex.NewSpec(streamFunc, cursorStore, consumer)

	for range 2 {
		err := reflex.Run(context.Background(), spec)
		log.Printf("Consume error: %v", err)
	}
	// Output:
	// Consumed event: order-7
	// Consumed event: order-8
	// Consumed event: order-9
	// Consume error: recv error: no more events
	// Consume error: recv error: no more events
}

// kindFate never makes anything fail, so that the example always says the same.
type kindFate struct{}

func (kindFate) Tempt() error { return nil }

func Example() {
	ctx := context.Background()
	cursors := rpatterns.MemCursorStore()

	consumer := reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
		fmt.Println("bill", e.ForeignID)
		if e.ForeignID == "order-8" {
			return errors.New("no credit")
		}
		return nil
	})
	spec := reflex.NewSpec(streamFunc, cursors, consumer)

	err := reflex.Run(ctx, spec)
	fmt.Println(err)
	err = reflex.Run(ctx, spec) // begins with the event that failed
	fmt.Println(err)
	// Output:
	// bill order-7
	// bill order-8
	// consume error: no credit
	// bill order-8
	// consume error: no credit
}

func ExampleWithRecoverFunction() {
	record := func(_ context.Context, e *reflex.Event, _ reflex.Consumer, err error) error {
		fmt.Println("set aside", e.ForeignID, "because of:", err)
		return nil // goes on with the next event
	}
	consumer := reflex.NewConsumer("shipping", func(_ context.Context, e *reflex.Event) error {
		if e.ForeignID == "order-8" {
			panic("no such address")
		}
		fmt.Println("ship", e.ForeignID)
		return nil
	}, reflex.WithRecoverFunction(record))

	err := reflex.Run(context.Background(), reflex.NewSpec(streamFunc, rpatterns.MemCursorStore(), consumer))
	fmt.Println(err)
	// Output:
	// ship order-7
	// set aside order-8 because of: panic in consumer: no such address
	// ship order-9
	// recv error: no more events
}

func ExampleEvent_Clone() {
	e := &reflex.Event{ID: "7", MetaData: []byte("draft")}
	kept := e.Clone()
	copy(kept.MetaData, "final")
	fmt.Println(string(e.MetaData), string(kept.MetaData))
	// Output: draft final
}
