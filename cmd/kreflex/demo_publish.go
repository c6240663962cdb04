package main

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// publishAtOnce is how many events wait for one acknowledgement.
const publishAtOnce = 5_000

// publish writes all events and returns what the broker acknowledged.
func publish(ctx context.Context, s *stage, events eventSource, show *screen) (_ []tally.Published, err error) {
	publisher, err := kafkastream.NewPublisher(s.kafka, s.topic)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, publisher.Close()) }()

	began := time.Now()
	published := make([]tally.Published, 0, events.len())
	batch := make([]*reflex.Event, 0, publishAtOnce)
	for i := range events.len() {
		batch = append(batch, events.at(i))
		if len(batch) < publishAtOnce && i < events.len()-1 {
			continue
		}
		positions, err := publisher.Publish(ctx, batch...)
		if err != nil {
			return nil, err
		}
		for n, at := range positions {
			published = append(published, tally.Published{Offset: at.Offset, Sum: tally.Sum(batch[n])})
		}
		batch = batch[:0]
		show.progress("published %s of %s", count(len(published)), count(events.len()))
	}
	show.line("Published %s events in %s.", count(len(published)), seconds(time.Since(began)))
	return published, nil
}
