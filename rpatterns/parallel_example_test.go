package rpatterns_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// Four shards of a consumer handle the events of one order in their order, and those of different orders side by
// side. They read the stream once.
func ExampleParallelSpecs() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	orders := newFakeLog()
	for id, order := range []string{"order-7", "order-8", "order-9", "order-8", "order-7"} {
		orders.appendEvents(&reflex.Event{ID: fmt.Sprint(id), ForeignID: order})
	}

	var mu sync.Mutex
	left := 5
	handled := make(map[string][]string)
	handle := func(_ context.Context, e *reflex.Event) error {
		mu.Lock()
		defer mu.Unlock()
		handled[e.ForeignID] = append(handled[e.ForeignID], e.ID)
		left--
		if left == 0 {
			cancel() // a signal to end, in a program
		}
		return nil
	}
	specs := rpatterns.ParallelSpecs("shipping", 4, orders.stream, rpatterns.MemCursorStore(), handle,
		rpatterns.WithHashOption(rpatterns.HashOptionEventForeignID))

	var running sync.WaitGroup
	for _, spec := range specs {
		running.Go(func() {
			rpatterns.RunForever(func() context.Context { return ctx }, spec)
		})
	}
	running.Wait()
	fmt.Println(handled)
	// Output: map[order-7:[0 4] order-8:[1 3] order-9:[2]]
}

// Shards that differ in their logic, or run in different programs, are made one by one.
func ExampleConsumerShards() {
	shards := rpatterns.ConsumerShards("shipping", 2)
	e := &reflex.Event{ID: "7"}
	for _, shard := range shards {
		consumer := rpatterns.ParallelConsumer(shard, func(context.Context, *reflex.Event) error {
			fmt.Println(shard.Name, "handles", e.ID)
			return nil
		})
		if err := consumer.Consume(context.Background(), e); err != nil {
			fmt.Println(err)
		}
	}
	// Output: shipping_1_of_2 handles 7
}

// A shard that acknowledges its events itself.
func ExampleParallelAckConsumer() {
	ctx := context.Background()
	store := rpatterns.MemCursorStore()
	stream := reflex.NewMockStream([]*reflex.Event{{ID: "7"}, {ID: "8"}, {ID: "9"}}, reflex.ErrStopped)
	for _, shard := range rpatterns.ConsumerShards("ack-shipping", 2) {
		consumer := rpatterns.ParallelAckConsumer(shard, store, func(ctx context.Context, e *rpatterns.AckEvent) error {
			fmt.Println(shard.Name, "handles", e.ID)
			return e.Ack(ctx)
		})
		err := reflex.Run(ctx, rpatterns.NewAckSpec(stream, consumer.(*rpatterns.AckConsumer)))
		cursor, _ := store.GetCursor(ctx, shard.Name)
		fmt.Println(err, "at", cursor)
	}
	// Output:
	// ack-shipping_1_of_2 handles 7
	// ack-shipping_1_of_2 handles 9
	// recv error: the event stream has been stopped at 9
	// ack-shipping_2_of_2 handles 8
	// recv error: the event stream has been stopped at 9
}
