package kafkarun_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkarun"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

// One consumer over a topic of three partitions, shared by a consumer group.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 3))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	kafka := broker.Opts()
	if err := publish(ctx, broker, 30); err != nil {
		fmt.Println(err)
		return
	}

	cursors, err := kafkacursor.Open(ctx, kafka, "cursors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cursors.Close()
	var left sync.WaitGroup
	left.Add(30)
	logic := func(context.Context, *reflex.Event) error { // is called by several goroutines at once
		left.Done()
		return nil
	}

	runner, err := kafkarun.New(kafka, "orders", cursors, func(p kafkarun.Part) reflex.Spec {
		return reflex.NewSpec(p.Stream, p.Cursors, reflex.NewConsumer("billing", logic))
	}, kafkarun.WithGroup("billing"))
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		left.Wait()
		cancel() // as a signal to the program would
	}()
	err = runner.Run(ctx)
	fmt.Println("all done, and it ended because it was told to:", errors.Is(err, context.Canceled))
	// Output: all done, and it ended because it was told to: true
}

func publish(ctx context.Context, broker *kafkatest.Broker, n int) error {
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	if err != nil {
		return err
	}
	defer publisher.Close()
	for i := range n {
		if _, err := publisher.Publish(ctx, &reflex.Event{ForeignID: fmt.Sprint("order-", i)}); err != nil {
			return err
		}
	}
	return nil
}
