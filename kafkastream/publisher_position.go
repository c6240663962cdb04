package kafkastream

import "strconv"

// Position is where an event was written.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
}

// ID returns the ID of the event in a stream of its partition.
func (p Position) ID() string { return strconv.FormatInt(p.Offset, 10) }
