package kafkastream_test

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// exampleBroker stands for your Kafka.
func exampleBroker() (kafka []kgo.Opt, stop func(), err error) {
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		return nil, nil, err
	}
	return broker.Opts(), broker.Close, nil
}

func ExamplePublisher() {
	kafka, stop, err := exampleBroker()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	publisher, err := kafkastream.NewPublisher(kafka, "orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = publisher.Close() }() // all is acknowledged below

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	positions, err := publisher.Publish(ctx,
		&reflex.Event{Type: orderPaid, ForeignID: "o-1", MetaData: []byte("EUR 12")},
		&reflex.Event{Type: orderShipped, ForeignID: "o-1"},
	)
	var failed *kafkastream.PublishError
	if errors.As(err, &failed) {
		for i, outcome := range failed.Outcomes {
			fmt.Println(i, outcome.Err, outcome.MayBeWritten)
		}
		return
	}
	fmt.Println(positions[0].ID(), positions[1].ID(), err)
	// Output: 0 1 <nil>
}

// Many events at a high rate: hand them over, and look at the outcome once.
func ExamplePublisher_PublishAsync() {
	kafka, stop, err := exampleBroker()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	publisher, err := kafkastream.NewPublisher(append(kafka, kgo.ProducerLinger(5*time.Millisecond)), "orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for i := range 1000 {
		publisher.PublishAsync(ctx, &reflex.Event{Type: orderPaid, ForeignID: fmt.Sprint("o-", i)}, nil)
	}
	fmt.Println(publisher.Close()) // flushes, and returns the first failure
	// Output: <nil>
}

func ExamplePublisher_Transact() {
	kafka, stop, err := exampleBroker()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	publisher, err := kafkastream.NewPublisher(kafka, "orders", kafkastream.WithTransactionalID("order-import"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = publisher.Close() }() // nothing is left to flush after Transact

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = publisher.Transact(ctx, func(tx *kafkastream.Tx) error {
		for _, id := range []string{"o-1", "o-2"} {
			if err := tx.Publish(ctx, &reflex.Event{Type: orderPaid, ForeignID: id}); err != nil {
				return err // and none of them is ever seen
			}
		}
		return nil
	})
	fmt.Println(err)
	// Output: <nil>
}
