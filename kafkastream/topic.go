package kafkastream

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// Topic is a topic as a set of sources of events, one per partition. It is safe for
// concurrent use, holds no connections, and needs no closing.
type Topic struct {
	kafka []kgo.Opt
	name  string
	opts  []Option

	mu         sync.Mutex
	partitions map[int32]*Partition
}

// NewTopic returns a topic. The options are those of each of its partitions. Like
// NewPartition it contacts nobody and can't fail.
func NewTopic(kafka []kgo.Opt, name string, opts ...Option) *Topic {
	return &Topic{kafka: slices.Clone(kafka), name: name, opts: slices.Clone(opts), partitions: make(map[int32]*Partition)}
}

// Name returns the name of the topic.
func (t *Topic) Name() string { return t.name }

// Partition returns a partition of the topic. It is always the same one for a number, as it remembers
// which log its events were read from; a number that the topic doesn't have is an error of its Stream.
func (t *Topic) Partition(number int32) *Partition {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.partitions[number]
	if p == nil {
		p = NewPartition(t.kafka, t.name, number, t.opts...)
		t.partitions[number] = p
	}
	return p
}

// Shape is what a topic is made of at a time.
type Shape struct {
	// ID is another one once the topic was deleted and created again. It is zero where the brokers
	// have no topic IDs, which is before Kafka 2.8.
	ID [16]byte
	// Partitions is how many there are, numbered from 0. Kafka can add some, and never takes one away.
	Partitions int32
}

// Shape asks the brokers what the topic is made of. It opens connections and closes them again. It
// returns the errors of Partition.Stream that are not about a cursor.
func (t *Topic) Shape(ctx context.Context) (Shape, error) {
	var shape Shape
	err := t.ask(ctx, func(ctx context.Context, client *kafka.Client) (err error) {
		shape, err = t.shape(ctx, client)
		return err
	})
	return shape, err
}

// Offsets asks the brokers for the ranges of all logs of the topic; the index is the number of the
// partition. It takes three requests to each broker, however many partitions there are, opens connections and closes them
// again. It returns the errors of Shape.
func (t *Topic) Offsets(ctx context.Context) ([]Offsets, error) {
	var offsets []Offsets
	err := t.ask(ctx, func(ctx context.Context, client *kafka.Client) error {
		shape, err := t.shape(ctx, client)
		if err != nil {
			return err
		}
		ranges, err := partition.Ranges(ctx, client, t.name, shape.Partitions)
		if err != nil {
			return err
		}
		for _, r := range ranges {
			offsets = append(offsets, Offsets{Start: r.Start, LastStable: r.LastStable, HighWatermark: r.HighWatermark})
		}
		return nil
	})
	return offsets, err
}

func (t *Topic) shape(ctx context.Context, client *kafka.Client) (Shape, error) {
	id, n, err := partition.Shape(ctx, client, t.name)
	return Shape{ID: id, Partitions: n}, err
}

// ask calls fn with a client of its own, within the open timeout.
func (t *Topic) ask(ctx context.Context, fn func(context.Context, *kafka.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := t.Partition(0)
	if p.invalid != nil {
		return p.invalid
	}
	client, err := p.newClient()
	if err != nil {
		return err
	}
	defer client.Close()
	opening, cancel := context.WithTimeout(ctx, p.config.openTimeout)
	defer cancel()
	if err := fn(opening, client); err != nil {
		return p.openError(ctx, err)
	}
	return nil
}
