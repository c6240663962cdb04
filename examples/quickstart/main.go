// Command quickstart is the program of the README: it consumes a partition
// with a cursor that is kept in Kafka, publishing one event first so that
// there is something to see.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	kafka := []kgo.Opt{kgo.SeedBrokers(cmp.Or(os.Getenv("KAFKA_BROKERS"), "localhost:9092"))}

	cursors, err := kafkacursor.Open(ctx, kafka, "cursors") // creates the topic, or checks it
	if err != nil {
		log.Fatal(err)
	}
	defer cursors.Close()

	orders := kafkastream.NewPartition(kafka, "orders", 0)
	billing := reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
		fmt.Println("order", e.ForeignID, "event", e.ID, string(e.MetaData))
		return nil // an error leaves the cursor where it is: the event comes again
	})

	spec := reflex.NewSpec(orders.Stream, cursors.For(orders), billing)
	// Runs it again after whatever ends it, with backoff, until the context is done.
	rpatterns.RunForever(func() context.Context { return ctx }, spec)
}
