package kafkacursor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
)

// A cursor survives its process, and tools read and reset it without taking the consumer over.
func ExampleOpen() {
	ctx := context.Background()
	broker, err := kafkatest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()

	service, err := kafkacursor.Open(ctx, broker.Opts(), "cursors")
	if err != nil {
		fmt.Println(err)
		return
	}
	cursor, err := service.GetCursor(ctx, "billing")
	fmt.Printf("at first: %q %v\n", cursor, err)
	for _, cursor := range []string{"7", "8"} {
		if err := service.SetCursor(ctx, "billing", cursor); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("closed:", service.Close()) // writes what is pending, as Flush does

	tool, err := kafkacursor.Open(ctx, broker.Opts(), "cursors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tool.Close()
	entries, err := tool.List(ctx)
	for _, e := range entries {
		fmt.Println("listed:", e.Key.Consumer, e.Cursor)
	}
	fmt.Println("reset:", errors.Join(err, tool.Reset(ctx, kafkacursor.Key{Consumer: "billing"}, "3")))
	cursor, err = tool.GetCursor(ctx, "billing")
	fmt.Println("after:", cursor, err)
	// Output:
	// at first: "" <nil>
	// closed: <nil>
	// listed: billing 8
	// reset: <nil>
	// after: 3 <nil>
}

// Two processes run one consumer. With fencing the store refuses the cursor of the former one.
func ExampleWithFencing() {
	ctx := context.Background()
	broker, err := kafkatest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()

	open := func() *kafkacursor.Store {
		store, err := kafkacursor.Open(ctx, broker.Opts(), "cursors", kafkacursor.WithFencing("billing-service"))
		if err != nil {
			fmt.Println(err)
			return nil
		}
		if _, err := store.GetCursor(ctx, "billing"); err != nil {
			fmt.Println(err)
		}
		return store
	}
	former := open()
	defer former.Close()
	latter := open()
	defer latter.Close()

	fmt.Println("latter:", errors.Join(latter.SetCursor(ctx, "billing", "8"), latter.Flush(ctx)))
	err = errors.Join(former.SetCursor(ctx, "billing", "7"), former.Flush(ctx))
	fmt.Println("former is fenced:", errors.Is(err, kafkacursor.ErrFenced))
	// Output:
	// latter: <nil>
	// former is fenced: true
}
