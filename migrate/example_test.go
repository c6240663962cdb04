package migrate_test

import (
	"context"
	"fmt"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/rpatterns"
)

// A consumer that has consumed two of four events in the old system goes on with the third in Kafka.
func Example() {
	ctx := context.Background()
	broker, err := kafkatest.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	kafka := broker.Opts()

	// The old system: any StreamFunc and any CursorStore.
	source := reflex.NewMockStream([]*reflex.Event{
		{ID: "101", ForeignID: "order 1", MetaData: []byte("placed")},
		{ID: "102", ForeignID: "order 1", MetaData: []byte("paid")},
		{ID: "104", ForeignID: "order 2", MetaData: []byte("placed")},
		{ID: "105", ForeignID: "order 1", MetaData: []byte("shipped")},
	}, reflex.ErrHeadReached)
	old := rpatterns.MemCursorStore(rpatterns.WithMemCursor("billing", "102"))

	progress, err := migrate.Copy(ctx, source, kafka, "orders", 0, migrate.WithCreateTopic(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("copied:", progress.Copied, "up to event", progress.LastID)

	cursors, err := kafkacursor.Open(ctx, kafka, "cursors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cursors.Close()
	mover := migrate.NewMover(migrate.Store(old), migrate.Copied(kafka, "orders", 0), migrate.Topic(cursors, "orders", 0))
	plan, err := mover.Plan(ctx, "billing") // print it, and think about it
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := mover.Apply(ctx, plan)
	if err != nil || report.Err() != nil {
		fmt.Println(err, report.Err())
		return
	}
	fmt.Println("billing:", report.Steps[0].Action, "from", report.Steps[0].Old)

	orders := kafkastream.NewPartition(kafka, "orders", 0)
	billing := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		fmt.Println(e.ID, e.ForeignID, string(e.MetaData))
		return nil
	})
	err = reflex.Run(ctx, reflex.NewSpec(orders.Stream, cursors.For(orders), billing, reflex.WithStreamToHead()))
	fmt.Println("at head:", reflex.IsHeadReachedErr(err))
	// Output:
	// copied: 4 up to event 105
	// billing: moved from 102
	// 2 order 2 placed
	// 3 order 1 shipped
	// at head: true
}

// The members of a consumer group have stopped: a reflex consumer goes on where the group was.
func ExampleGroup() {
	ctx := context.Background()
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	kafka := broker.Opts()
	publisher, err := kafkastream.NewPublisher(kafka, "orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer publisher.Close()
	for range 3 {
		if _, err := publisher.Publish(ctx, &reflex.Event{ForeignID: "order 1"}); err != nil {
			fmt.Println(err)
			return
		}
	}
	group := migrate.Group(kafka, "billing-group", "orders", 0)
	if err := group.MoveCursor(ctx, "billing", "1"); err != nil { // as its members committed 2
		fmt.Println(err)
		return
	}

	cursors := rpatterns.MemCursorStore()
	mover := migrate.NewMover(group, migrate.Same(kafka, "orders", 0), migrate.Store(cursors))
	plan, err := mover.Plan(ctx, "billing")
	if err != nil {
		fmt.Println(err)
		return
	}
	step := plan.Steps[0]
	at, err := kafkastream.ParseCursor(step.New)
	fmt.Println(step.Action, "to offset", at.Offset, "with", step.Behind, "to go,", err)
	// Output:
	// move to offset 1 with 1 to go, <nil>
}
