package rpatterns_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// A new consumer isn't interested in what happened before it was deployed, but in all that happens from then
// on, although it fails at first.
func ExampleNewBootstrapSpec() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	check(err)
	defer broker.Close()
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	check(err)
	defer publisher.Close()
	publish := func(order string) {
		_, err := publisher.Publish(ctx, &reflex.Event{ForeignID: order, Type: fakeType(1)})
		check(err)
	}
	publish("order-1")

	cursors, err := kafkacursor.Open(ctx, broker.Opts(), "cursors")
	check(err)
	defer cursors.Close()
	orders := kafkastream.NewPartition(broker.Opts(), "orders", 0)
	working := false
	notify := reflex.NewConsumer("example-notify", func(_ context.Context, e *reflex.Event) error {
		if !working {
			return errors.New("not configured")
		}
		fmt.Println("notified of", e.ForeignID)
		return nil
	})
	spec := rpatterns.NewBootstrapSpec(orders.Stream, cursors.For(orders), notify, reflex.WithStreamToHead())

	fmt.Println(reflex.Run(ctx, spec)) // at the head
	publish("order-2")
	fmt.Println(reflex.Run(ctx, spec))
	publish("order-3")
	working = true
	fmt.Println(reflex.Run(ctx, spec))
	// Output:
	// recv error: the event stream has reached the current head
	// consume error: not configured
	// notified of order-2
	// notified of order-3
	// recv error: the event stream has reached the current head
}
