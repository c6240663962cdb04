package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/tally"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// life is one run of the demo's consumer, from its stored cursor on.
type life struct {
	kafka          []kgo.Opt
	topic, cursors string
	flushInterval  time.Duration
	rate           float64
	// done is called when the work of an event is done and before its cursor is
	// set. An error of it is the consumer's.
	done func(e *reflex.Event, at tally.Consumed) error
	// wrap puts something between Run and the store; nil is nothing.
	wrap func(reflex.CursorStore) reflex.CursorStore
}

// run returns nil when it reached the head of the stream and stored its cursor.
// The store is the caller's to close.
func (l life) run(ctx context.Context, store *kafkacursor.Store) error {
	turn := pace{perSecond: l.rate}
	consumer := reflex.NewConsumer(demoConsumer, func(ctx context.Context, e *reflex.Event) error {
		if err := turn.wait(ctx); err != nil {
			return err
		}
		offset, err := strconv.ParseInt(e.ID, 10, 64)
		if err != nil {
			return errors.Wrap(err, "an event's ID is its offset", j.KV("id", e.ID))
		}
		return l.done(e, tally.Consumed{Offset: offset, Sum: tally.Sum(e), At: time.Now()})
	}, reflex.WithConsumerRegisterer(prometheus.NewRegistry()))

	log := kafkastream.NewPartition(l.kafka, l.topic, demoPartition)
	cursors := store.For(log)
	if l.wrap != nil {
		cursors = l.wrap(cursors)
	}
	err := reflex.Run(ctx, reflex.NewSpec(log.Stream, cursors, consumer, reflex.WithStreamToHead()))
	if reachedHead(err) {
		return nil
	}
	return err
}

// open opens the store of the cursors, which creates its topic.
func (l life) open(ctx context.Context, options ...kafkacursor.Option) (*kafkacursor.Store, error) {
	options = append(options, kafkacursor.WithFlushInterval(l.flushInterval))
	return kafkacursor.Open(ctx, l.kafka, l.cursors, options...)
}

// storedCursor returns the offset that is stored, without owning the cursor.
func storedCursor(ctx context.Context, store *kafkacursor.Store, topic string) (int64, error) {
	entry, found, err := store.Peek(ctx, kafkacursor.Key{Consumer: demoConsumer, Topic: topic, Partition: demoPartition})
	if err != nil {
		return 0, err
	}
	if !found {
		return tally.NoCursor, nil
	}
	cursor, err := kafkastream.ParseCursor(entry.Cursor)
	if err != nil {
		return 0, err
	}
	return cursor.Offset, nil
}

// cursorText is a stored offset for people.
func cursorText(offset int64) string {
	if offset == tally.NoCursor {
		return "none"
	}
	return fmt.Sprint(offset)
}
