package rpatterns_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kreflex/kreflex/rpatterns"
)

// A request that asked for a shipment waits until it is shipped, but no longer than its context allows.
func ExampleAwait() {
	const shipped = fakeType(1)
	events := newFakeLog()
	var inDatabase atomic.Bool
	// Somebody else ships it.
	time.AfterFunc(10*time.Millisecond, func() {
		inDatabase.Store(true)
		events.append("order-7")
	})

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	isShipped := func() (bool, error) { return inDatabase.Load(), nil }
	err := rpatterns.Await(ctx, events.stream, isShipped, "order-7", shipped)
	fmt.Println("shipped:", err == nil)
	// Output: shipped: true
}
