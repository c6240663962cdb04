package kafkatest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kreflex/kreflex/kafkatest"
)

// A test passes its *testing.T to Start and needs no Close.
func ExampleNew() {
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()

	client, err := kgo.NewClient(append(broker.Opts(), kgo.ConsumeTopics("orders"))...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	record := &kgo.Record{Topic: "orders", Key: []byte("order 7"), Value: []byte("paid")}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		log.Fatal(err)
	}
	client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
		fmt.Printf("%d %s %s\n", r.Offset, r.Key, r.Value)
	})
	// Output: 0 order 7 paid
}

// The broker refuses the first two writes the way one does that has just lost
// the leadership; the client retries until the third is taken.
func ExampleBroker_Cluster() {
	broker, err := kafkatest.New(kafkatest.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	fault := broker.Cluster().Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.Produce},
		Err:   kerr.NotLeaderForPartition,
		Count: 2,
	})

	client, err := kgo.NewClient(broker.Opts()...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	result := client.ProduceSync(context.Background(), &kgo.Record{Topic: "orders", Value: []byte("paid")})
	fmt.Println(result.FirstErr(), fault.Hits())
	// Output: <nil> 2
}
