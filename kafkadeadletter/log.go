package kafkadeadletter

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Log is the partition that events come from. *kafkastream.Partition is one; it must be the one whose
// Stream the consumer runs on, as that knows which log the events were read from.
//
// It is safe for concurrent use.
type Log interface {
	// Topic returns the name of the topic that the events are in.
	Topic() string
	// Partition returns the number of their partition.
	Partition() int32
	// Record reads the record of the event with that ID again, and returns the ID of its topic too, zero
	// where there is none. The record is nil, without an error, if the log no longer has it. It is
	// never another one at the same offset.
	Record(ctx context.Context, id string) (*kgo.Record, [16]byte, error)
	// Decode returns the event of a record as a stream of the log delivers it.
	Decode(record *kgo.Record) (*reflex.Event, error)
}
