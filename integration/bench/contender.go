package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// contender is a way to read a topic from start to end.
type contender struct {
	name string
	// read returns how many records it read.
	read func(ctx context.Context, round int) (int, error)
}

// contenders returns the one that the others are compared with first.
func contenders(kafka []kgo.Opt, topic string, records int) []contender {
	return []contender{
		{"kgo", func(ctx context.Context, _ int) (int, error) { return pollLoop(ctx, kafka, topic, records) }},
		{"stream", func(ctx context.Context, _ int) (int, error) { return streamLoop(ctx, kafka, topic, records) }},
		{"reflex.Run", func(ctx context.Context, round int) (int, error) { return reflexRun(ctx, kafka, topic, records, round) }},
	}
}

// pollLoop is what a program without us does.
func pollLoop(ctx context.Context, kafka []kgo.Opt, topic string, records int) (int, error) {
	client, err := kgo.NewClient(append(kafka,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(0)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var read, size int
	for read < records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return read, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			size += len(r.Value)
		})
	}
	return read, nil
}

// streamLoop is the stream without Run.
func streamLoop(ctx context.Context, kafka []kgo.Opt, topic string, records int) (read int, err error) {
	stream, err := kafkastream.NewPartition(kafka, topic, 0).Stream(ctx, "")
	if err != nil {
		return 0, err
	}
	if closer, ok := stream.(io.Closer); ok {
		defer func() { err = errors.Join(err, closer.Close()) }()
	}
	var size int
	for read < records {
		e, err := stream.Recv()
		if err != nil {
			return read, err
		}
		read++
		size += len(e.MetaData)
	}
	return read, nil
}

// reflexRun is all of it: durable cursors and metrics, to the end and the flush.
func reflexRun(ctx context.Context, kafka []kgo.Opt, topic string, records, round int) (read int, err error) {
	cursors, err := kafkacursor.Open(ctx, kafka, topic+"-cursors")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cursors.Close()) }()
	done := errors.New("all are read")
	var size int
	consumer := reflex.NewConsumer(fmt.Sprintf("bench-%d", round), func(_ context.Context, e *reflex.Event) error {
		read++
		size += len(e.MetaData)
		return nil
	}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))
	orders := kafkastream.NewPartition(kafka, topic, 0)
	// Not to head, which reads on demand, but to the last event, as a service reads.
	stopping := func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		stream, err := orders.Stream(ctx, after, opts...)
		if err != nil {
			return nil, err
		}
		return &stopAfter{StreamClient: stream, left: records, err: done}, nil
	}
	if err := reflex.Run(ctx, reflex.NewSpec(stopping, cursors.For(orders), consumer)); !errors.Is(err, done) {
		return read, err
	}
	return read, nil
}

// stopAfter ends a stream after so many events.
type stopAfter struct {
	reflex.StreamClient
	left int
	err  error
}

func (s *stopAfter) Recv() (*reflex.Event, error) {
	if s.left--; s.left < 0 {
		return nil, s.err
	}
	return s.StreamClient.Recv()
}

func (s *stopAfter) Close() error {
	if closer, ok := s.StreamClient.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}
