package lunoreflex_test

import (
	"context"
	"fmt"
	"log"

	"github.com/luno/reflex"
	"github.com/luno/reflex/rpatterns"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	kreflex "github.com/kreflex/kreflex/reflex"
)

// A consumer of luno/reflex that is not changed, on a Kafka partition, with its cursor in
// a Kafka topic.
func ExampleToLunoStream() {
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1)) // any Kafka will do
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	ctx, kafka := context.Background(), broker.Opts()
	if err := publish(ctx, broker, "order-1", "order-2", "order-3"); err != nil {
		log.Fatal(err)
	}

	orders := kafkastream.NewPartition(kafka, "orders", 0)
	cursors, err := kafkacursor.Open(ctx, kafka, "cursors")
	if err != nil {
		log.Fatal(err)
	}
	defer cursors.Close()

	// From here on all is luno/reflex: its batches, its Run, its options.
	store := lunoreflex.ToLunoCursors(cursors.For(orders))
	consumer := rpatterns.NewBatchConsumer("billing", store, func(_ context.Context, batch rpatterns.Batch) error {
		for _, e := range batch {
			fmt.Println("bill", e.ForeignID)
		}
		return nil
	}, 0, 3)
	spec := rpatterns.NewBatchSpec(lunoreflex.ToLunoStream(orders.Stream), consumer, reflex.WithStreamToHead())
	err = reflex.Run(ctx, spec)
	fmt.Println(reflex.IsHeadReachedErr(err))
	// Output:
	// bill order-1
	// bill order-2
	// bill order-3
	// true
}

// A consumer of kreflex on what luno/reflex has: in a program that would be events.ToStream(db) and
// cursors.ToStore(db) of package rsql.
func ExampleFromLunoStream() {
	events := reflex.NewMockStream([]*reflex.Event{
		{ID: "1", ForeignID: "order-1"},
		{ID: "2", ForeignID: "order-2"},
	}, reflex.ErrHeadReached)
	cursors := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", "1"))

	billing := kreflex.NewConsumer("billing", func(_ context.Context, e *kreflex.Event) error {
		fmt.Println("bill", e.ForeignID)
		return nil
	})
	spec := kreflex.NewSpec(lunoreflex.FromLunoStream(events), lunoreflex.FromLunoCursors(cursors), billing)
	err := kreflex.Run(context.Background(), spec)
	fmt.Println(kreflex.IsHeadReachedErr(err))
	// Output:
	// bill order-2
	// true
}

// A consumer of luno/reflex, with whatever state and metrics it has, in a spec of kreflex.
func ExampleFromLunoConsumer() {
	legacy := reflex.NewConsumer("legacy", func(_ context.Context, e *reflex.Event) error {
		fmt.Println("bill", e.ForeignID)
		return nil
	})
	stream := kreflex.NewMockStream([]*kreflex.Event{{ID: "7", ForeignID: "order-7"}}, kreflex.ErrStopped)
	cursors := lunoreflex.FromLunoCursors(rpatterns.MemCursorStore())
	err := kreflex.Run(context.Background(), kreflex.NewSpec(stream, cursors, lunoreflex.FromLunoConsumer(legacy)))
	fmt.Println(err)
	// Output:
	// bill order-7
	// recv error: the event stream has been stopped
}

func publish(ctx context.Context, broker *kafkatest.Broker, orders ...string) error {
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	if err != nil {
		return err
	}
	for _, order := range orders {
		if _, err := publisher.Publish(ctx, &kreflex.Event{ForeignID: order, Type: eventType(1)}); err != nil {
			return err
		}
	}
	return publisher.Close()
}
