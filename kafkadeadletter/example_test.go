package kafkadeadletter_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkadeadletter"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// A poison event is dead-lettered and the consumer goes on. Once the consumer is mended, the event is replayed.
func Example() {
	ctx := context.Background()
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	if err := publish(ctx, broker, "order 1", "gift card", "order 3"); err != nil {
		fmt.Println(err)
		return
	}

	store, err := kafkadeadletter.Open(ctx, broker.Opts(), "dead-letters")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	orders := kafkastream.NewPartition(broker.Opts(), "orders", 0)
	letters := store.For(orders)

	bill := func(_ context.Context, e *reflex.Event) error {
		if string(e.MetaData) == "gift card" {
			return errors.New("can't bill a gift card")
		}
		fmt.Println("billed", string(e.MetaData))
		return nil
	}
	// It is asked about errors that are not part of a shutdown. Returning nil moves the cursor past the event.
	bury := func(ctx context.Context, e *reflex.Event, c reflex.Consumer, err error) error {
		return letters.Insert(ctx, c.Name(), e, err)
	}
	consumer := reflex.NewConsumer("billing", bill, reflex.WithRecoverFunction(bury))
	spec := reflex.NewSpec(orders.Stream, rpatterns.MemCursorStore(), consumer, reflex.WithStreamToHead())
	fmt.Println("at head:", reflex.IsHeadReachedErr(reflex.Run(ctx, spec)))

	outstanding, err := store.List(ctx, kafkadeadletter.Filter{Consumer: "billing"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, letter := range outstanding {
		fmt.Printf("event %s, %s: %s\n", letter.Key.EventID(), letter.Record.Value, letter.Failure.Text)
	}

	// The mended consumer has the same name, and returns its errors: what fails again stays a letter.
	mended := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		fmt.Println("billed", string(e.MetaData))
		return nil
	})
	replayed, err := letters.Replay(ctx, mended)
	fmt.Println("replayed:", replayed.Done, err)
	counts, err := store.Count(ctx)
	fmt.Println("left:", counts["billing"], err)
	// Output:
	// billed order 1
	// billed order 3
	// at head: true
	// event 1, gift card: can't bill a gift card
	// billed gift card
	// replayed: 1 <nil>
	// left: 0 <nil>
}

// A letter has the record as it was, so it can be published again: here to a topic of its own. Discard comes last, as a crash
// in between then publishes it twice rather than never.
func ExampleStore_Discard() {
	ctx := context.Background()
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1), kafkatest.WithTopic("gift-cards", 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	if err := publish(ctx, broker, "gift card"); err != nil {
		fmt.Println(err)
		return
	}
	store, err := kafkadeadletter.Open(ctx, broker.Opts(), "dead-letters")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	letters := store.For(kafkastream.NewPartition(broker.Opts(), "orders", 0))
	if err := letters.ErrorInsert(ctx, "billing", "0", "can't bill a gift card"); err != nil {
		fmt.Println(err)
		return
	}

	client, err := kgo.NewClient(broker.Opts()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	outstanding, err := store.List(ctx, kafkadeadletter.Filter{Consumer: "billing", Limit: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, letter := range outstanding {
		if letter.Record == nil {
			continue // not a letter, or its record was gone
		}
		again := &kgo.Record{
			Topic: "gift-cards", Key: letter.Record.Key, Value: letter.Record.Value,
			Headers: letter.Record.Headers, Timestamp: letter.Record.Timestamp,
		}
		if err := client.ProduceSync(ctx, again).FirstErr(); err != nil {
			fmt.Println(err)
			return
		}
		if err := store.Discard(ctx, letter.Key); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("moved", string(again.Value), "to", again.Topic)
	}
	counts, err := store.Count(ctx)
	fmt.Println("left:", len(counts), err)
	// Output:
	// moved gift card to gift-cards
	// left: 0 <nil>
}

// publish writes events to the topic orders.
func publish(ctx context.Context, broker *kafkatest.Broker, states ...string) error {
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	if err != nil {
		return err
	}
	for _, state := range states {
		if _, err := publisher.Publish(ctx, &reflex.Event{ForeignID: "1", MetaData: []byte(state)}); err != nil {
			return errors.Join(err, publisher.Close())
		}
	}
	return publisher.Close()
}
