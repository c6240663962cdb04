package filters_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/filters"
	"github.com/kreflex/kreflex/rpatterns"
)

// order is what the metadata of orders' events holds.
type order struct {
	Country string `json:"country"`
	Cents   int    `json:"cents"`
}

func decodeOrder(b []byte) (order, error) {
	var o order
	err := json.Unmarshal(b, &o)
	return o, err
}

func orders() reflex.StreamFunc {
	return reflex.NewMockStream([]*reflex.Event{
		{ID: "0", ForeignID: "order 10", MetaData: []byte(`{"country": "ZA", "cents": 5000}`)},
		{ID: "1", ForeignID: "order 11", MetaData: []byte(`{"country": "NG", "cents": 100}`)},
		{ID: "2", ForeignID: "order 12", MetaData: []byte(`{"country": "ZA", "cents": 7}`)},
		{ID: "3", ForeignID: "test order", MetaData: []byte(`{"country": "ZA", "cents": 9900}`)},
	}, reflex.ErrHeadReached)
}

// consume prints the events that the filter lets through.
func consume(filter reflex.EventFilter) {
	consumer := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		fmt.Println(e.ForeignID)
		return nil
	}, reflex.WithEventFilter(filter))
	err := reflex.Run(context.Background(), reflex.NewSpec(orders(), rpatterns.MemCursorStore(), consumer))
	fmt.Println(err)
}

// The metadata is decoded once for the filter, and events that it declines count as consumed.
func ExampleMetadataEventFilter() {
	fromZA, err := filters.MetadataEventFilter(decodeOrder, func(o order) (bool, error) {
		return o.Country == "ZA", nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	consume(fromZA)
	// Output:
	// order 10
	// order 12
	// test order
	// recv error: the event stream has reached the current head
}

func ExampleAllEventFilters() {
	large, err := filters.MetadataEventFilter(decodeOrder, func(o order) (bool, error) { return o.Cents >= 1000, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	genuine := func(e *reflex.Event) (bool, error) { return e.ForeignID != "test order", nil }
	consume(filters.AllEventFilters(genuine, large))
	// Output:
	// order 10
	// recv error: the event stream has reached the current head
}

func ExampleAnyEventFilters() {
	large, err := filters.MetadataEventFilter(decodeOrder, func(o order) (bool, error) { return o.Cents >= 9000, nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	watched := func(e *reflex.Event) (bool, error) { return e.ForeignID == "order 11", nil }
	consume(filters.AnyEventFilters(watched, large))
	// Output:
	// order 11
	// test order
	// recv error: the event stream has reached the current head
}
