package cursoradmin_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkatest"
)

// A consumer is to have the last events again.
func ExampleAdmin_PlanReset() {
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()
	ctx, kafka := context.Background(), broker.Opts()
	if err := fiveOrders(ctx, kafka); err != nil {
		fmt.Println(err)
		return
	}
	cursors, err := kafkacursor.Open(ctx, kafka, "cursors")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cursors.Close()
	// What a consumer has set that had all five.
	if err := cursors.Reset(ctx, kafkacursor.Key{Consumer: "billing", Topic: "orders"}, "4"); err != nil {
		fmt.Println(err)
		return
	}

	admin := cursoradmin.New(kafka, cursors)
	plan, err := admin.PlanReset(ctx, "billing", "orders", nil, cursoradmin.ToOffset(2)) // changes nothing
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range plan.Steps {
		fmt.Printf("%s/%d: next is %d, and will be %d: %s\n", s.Topic, s.Partition, s.OldNext, s.NewNext, s.Effect())
	}
	report, err := admin.Apply(ctx, plan)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Steps[0].Action, report.Err())
	// Output:
	// orders/0: next is 5, and will be 2: 3 events again
	// was set <nil>
}

func fiveOrders(ctx context.Context, kafka []kgo.Opt) error {
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return err
	}
	defer client.Close()
	for range 5 {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("an order")}).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}
