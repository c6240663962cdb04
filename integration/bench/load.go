package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// recordShape is what records look like.
type recordShape struct {
	name        string
	compression kgo.CompressionCodec
	event       func(i int, value []byte) *reflex.Event
}

func shapes() []recordShape {
	types := []reflex.EventType{eventType(1), eventType(2), eventType(3)}
	typed := func(i int, value []byte) *reflex.Event {
		return &reflex.Event{ForeignID: fmt.Sprintf("%08d", i%1000), Type: types[i%len(types)], MetaData: value}
	}
	bare := func(_ int, value []byte) *reflex.Event { return &reflex.Event{MetaData: value} }
	return []recordShape{
		{"key of 8 bytes and type in a header", kgo.NoCompression(), typed},
		{"no key, no header", kgo.NoCompression(), bare},
		{"key of 8 bytes and type in a header, lz4", kgo.Lz4Compression(), typed},
	}
}

type eventType int

func (e eventType) ReflexType() int { return int(e) }

// load makes a topic and fills it. remove deletes it.
func load(ctx context.Context, kafka []kgo.Opt, shape recordShape, records, bytes int) (topic string, remove func(), err error) {
	topic = fmt.Sprintf("kreflex-bench-%08x", rand.Uint32())
	client, err := kgo.NewClient(append(kafka, kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(shape.compression))...)
	if err != nil {
		return "", nil, err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, -1, nil, topic); err != nil {
		return "", nil, fmt.Errorf("create topic: %w", err)
	}
	var once sync.Once
	var failed error
	for i := range records {
		value := make([]byte, bytes)
		copy(value, fmt.Sprintf(`{"order":%d,"state":"paid","amount":%d}`, i, i*7%1000)) // as compressible as such things are
		record, err := kafkastream.Encode(shape.event(i, value))
		if err != nil {
			return "", nil, err
		}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return "", nil, err
	}
	if failed != nil {
		return "", nil, fmt.Errorf("produce: %w", failed)
	}
	return topic, func() { deleteTopic(ctx, kafka, topic, topic+"-cursors") }, nil
}

// deleteTopic tidies up, if the brokers let it.
func deleteTopic(ctx context.Context, kafka []kgo.Opt, topics ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kafka...)
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = kadm.NewClient(client).DeleteTopics(ctx, topics...)
}
