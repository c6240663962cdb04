package kafkastream_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

type orderEvent int

const (
	orderPaid    orderEvent = 1
	orderShipped orderEvent = 2
)

func (e orderEvent) ReflexType() int { return int(e) }

func show(decode kafkastream.Decoder, r *kgo.Record) {
	var e reflex.Event
	if err := decode(r, &e); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(e.ForeignID, " ", string(e.MetaData))
	if e.Type != nil {
		fmt.Print(" type ", e.Type.ReflexType())
	}
	fmt.Println()
}

// A decoder of your own is a function. This one knows a topic whose records
// hold everything in their JSON value.
func ExampleDecoder() {
	var decode kafkastream.Decoder = func(r *kgo.Record, e *reflex.Event) error {
		var order struct {
			Number string    `json:"number"`
			State  string    `json:"state"`
			At     time.Time `json:"at"`
		}
		if err := json.Unmarshal(r.Value, &order); err != nil {
			return fmt.Errorf("order at offset %d: %w", r.Offset, err)
		}
		e.ForeignID, e.Timestamp, e.MetaData = order.Number, order.At, r.Value
		e.Type = orderPaid
		if strings.EqualFold(order.State, "shipped") {
			e.Type = orderShipped
		}
		return nil
	}

	show(decode, &kgo.Record{Value: []byte(`{"number":"o-1","state":"Shipped"}`)})
	// Output: o-1 {"number":"o-1","state":"Shipped"} type 2
}

// Other clients read and write the events of a Publisher with Encode and
// Envelope.
func ExampleEncode() {
	r, err := kafkastream.Encode(&reflex.Event{Type: orderPaid, ForeignID: "o-1", MetaData: []byte("EUR 12")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("key %s, value %s, header %s: %s\n", r.Key, r.Value, r.Headers[0].Key, r.Headers[0].Value)
	show(kafkastream.Envelope(), r)
	// Output:
	// key o-1, value EUR 12, header t: 1
	// o-1 EUR 12 type 1
}

func ExamplePlain() {
	show(kafkastream.Plain(), &kgo.Record{Key: []byte("o-1"), Value: []byte("anything")})
	// Output: o-1 anything
}

func ExampleTypeFromHeader() {
	decode := kafkastream.TypeFromHeader("event", map[string]reflex.EventType{
		"paid":    orderPaid,
		"shipped": orderShipped,
	})
	record := func(event string) *kgo.Record {
		return &kgo.Record{
			Topic: "orders", Offset: 7, Key: []byte("o-1"), Value: []byte("EUR 12"),
			Headers: []kgo.RecordHeader{{Key: "event", Value: []byte(event)}},
		}
	}
	show(decode, record("paid"))
	show(decode, record("lost"))
	// Output:
	// o-1 EUR 12 type 1
	// decode the record at offset 7 of orders/0: header "event": event type is not among the types of the decoder (found "lost")
}

func ExampleCloudEvents() {
	decode := kafkastream.CloudEvents(map[string]reflex.EventType{"com.example.order.paid": orderPaid})
	show(decode, &kgo.Record{
		Value: []byte("EUR 12"),
		Headers: []kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("1")},
			{Key: "ce_source", Value: []byte("/orders")},
			{Key: "ce_type", Value: []byte("com.example.order.paid")},
			{Key: "ce_subject", Value: []byte("o-1")},
		},
	})
	show(decode, &kgo.Record{
		Value: []byte(`{"specversion":"1.0","id":"2","source":"/orders","type":"com.example.order.paid","subject":"o-2","data":{"eur":12}}`),
		Headers: []kgo.RecordHeader{
			{Key: "content-type", Value: []byte("application/cloudevents+json")},
		},
	})
	// Output:
	// o-1 EUR 12 type 1
	// o-2 {"eur":12} type 1
}

func ExampleDebeziumOutbox() {
	decode := kafkastream.DebeziumOutbox(map[string]reflex.EventType{"OrderPaid": orderPaid})
	show(decode, &kgo.Record{
		Key:   []byte(`"o-1"`),
		Value: []byte(`"{\"eur\":12}"`),
		Headers: []kgo.RecordHeader{
			{Key: "id", Value: []byte("4d47e190-0402-4048-bc2c-89dd54343cdc")},
			{Key: "eventType", Value: []byte("OrderPaid")},
		},
	})
	// Output: o-1 {"eur":12} type 1
}
