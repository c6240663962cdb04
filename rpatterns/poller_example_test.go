package rpatterns_test

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// An API that lists payments page by page becomes a stream, with the number of the payment as
// cursor.
func ExamplePoller() {
	payments := []string{"12.50", "3.00", "99.95"}
	list := func(_ context.Context, after string, _ ...reflex.StreamOption) ([]reflex.Event, error) {
		first := 0
		if after != "" {
			last, err := strconv.Atoi(after)
			if err != nil {
				return nil, err
			}
			first = last + 1
		}
		var page []reflex.Event
		for i := first; i < min(first+2, len(payments)); i++ {
			page = append(page, reflex.Event{ID: strconv.Itoa(i), MetaData: []byte(payments[i])})
		}
		return page, nil
	}

	consumer := reflex.NewConsumer("ledger", func(_ context.Context, e *reflex.Event) error {
		fmt.Printf("payment %s: %s\n", e.ID, e.MetaData)
		return nil
	})
	// Without StreamToHead it would poll again after a minute.
	spec := reflex.NewSpec(rpatterns.NewPoller(list).Stream, rpatterns.MemCursorStore(), consumer, reflex.WithStreamToHead())
	fmt.Println(reflex.Run(context.Background(), spec))
	// Output:
	// payment 0: 12.50
	// payment 1: 3.00
	// payment 2: 99.95
	// recv error: the event stream has reached the current head
}
