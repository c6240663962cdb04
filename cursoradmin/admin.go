package cursoradmin

import (
	"context"
	"slices"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// Admin looks at the cursors in a topic of cursors, and moves them. It holds no connections beside those of its store.
type Admin struct {
	kafka  []kgo.Opt
	store  *kafkacursor.Store
	config config
}

// New returns an Admin of the cursors in the store, whose consumers consume topics that the kgo options say how to
// reach. It contacts nobody. Open the store with kafkacursor.WithoutCreate, and close it in the end.
func New(kafka []kgo.Opt, store *kafkacursor.Store, opts ...Option) *Admin {
	a := &Admin{kafka: slices.Clone(kafka), store: store, config: defaults()}
	for _, opt := range opts {
		opt(&a.config)
	}
	return a
}

func (a *Admin) topic(name string) *kafkastream.Topic {
	return kafkastream.NewTopic(a.kafka, name, kafkastream.WithOpenTimeout(a.config.timeout), kafkastream.WithDecoder(kafkastream.Plain()))
}

// logs is what a topic is like.
type logs struct {
	id      [16]byte
	offsets []kafkastream.Offsets // by the number of the partition
	err     error                 // why that isn't known, if it won't be until somebody does something
}

// logs asks for what a topic is like. An error is one that passes, or that of ctx.
func (a *Admin) logs(ctx context.Context, name string) (logs, error) {
	topic := a.topic(name)
	// The ID first: of a topic that is created again in between, offsets are then said to be of the one
	// before, and a cursor made of both is refused.
	shape, err := topic.Shape(ctx)
	if err == nil {
		var offsets []kafkastream.Offsets
		if offsets, err = topic.Offsets(ctx); err == nil {
			return logs{id: shape.ID, offsets: offsets}, nil
		}
	}
	if kafkastream.IsPermanent(err) {
		return logs{err: err}, nil
	}
	return logs{}, err
}

// of returns the range of a partition, or an error if there is no such partition.
func (l logs) of(topic string, partition int32) (kafkastream.Offsets, error) {
	if l.err != nil {
		return kafkastream.Offsets{}, l.err
	}
	if int(partition) >= len(l.offsets) {
		return kafkastream.Offsets{}, unknownPartition(topic, partition, len(l.offsets))
	}
	return l.offsets[partition], nil
}

// wait waits, or returns the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isGoneTopic reports whether an error says that there is no such topic or partition.
func isGoneTopic(err error) bool {
	return errors.IsAny(err, kafkastream.ErrUnknownTopic, kafkastream.ErrUnknownPartition)
}
