package kafkastream_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

func ExamplePartition_Stream() {
	ctx := context.Background()
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	publisher, err := kafkastream.NewPublisher(broker.Opts(), "orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer publisher.Close()
	for _, state := range []string{"placed", "paid", "shipped"} {
		if _, err := publisher.Publish(ctx, &reflex.Event{ForeignID: "order 1", MetaData: []byte(state)}); err != nil {
			fmt.Println(err)
			return
		}
	}

	orders := kafkastream.NewPartition(broker.Opts(), "orders", 0)
	run := func(after string) {
		consumer := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
			fmt.Println(e.ID, e.ForeignID, string(e.MetaData))
			return nil
		})
		err := reflex.Run(ctx, reflex.NewSpec(orders.Stream, cursor(after), consumer, reflex.WithStreamToHead()))
		fmt.Println("at head:", reflex.IsHeadReachedErr(err))
	}
	run("")
	run("1")
	// Output:
	// 0 order 1 placed
	// 1 order 1 paid
	// 2 order 1 shipped
	// at head: true
	// 2 order 1 shipped
	// at head: true
}

func ExampleError() {
	orders := kafkastream.NewPartition([]kgo.Opt{kgo.SeedBrokers("localhost:9092")}, "orders", 0)
	_, err := orders.Stream(context.Background(), "yesterday")
	fmt.Println(errors.Is(err, kafkastream.ErrBadCursor), kafkastream.IsPermanent(err))
	var e *kafkastream.Error
	if errors.As(err, &e) {
		fmt.Println(e.Do)
	}
	// Output:
	// true true
	// set the cursor to the offset of the last event consumed, in decimal
}

// cursor is a store that remembers nothing.
type cursor string

func (c cursor) GetCursor(context.Context, string) (string, error) { return string(c), nil }
func (c cursor) SetCursor(context.Context, string, string) error   { return nil }
func (c cursor) Flush(context.Context) error                       { return nil }
