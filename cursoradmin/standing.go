package cursoradmin

import (
	"time"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// Standing is where a consumer is in a partition. Numbers that aren't known are -1.
type Standing struct {
	Consumer string `json:"consumer"`
	// Topic and Partition are those of the events. Topic is empty for a cursor that doesn't say.
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Cursor is its text as the topic of cursors has it. "" is the start, and no cursor if State is None.
	Cursor string `json:"cursor"`
	// Next is the offset of the event to be consumed next, or where it would be.
	Next int64 `json:"next"`
	// Start is the first offset that the log has.
	Start int64 `json:"start"`
	// End is the last stable offset: what is before it can be consumed.
	End int64 `json:"end"`
	// HighWatermark is above End while a transaction is open.
	HighWatermark int64 `json:"high_watermark"`
	// Lag is how many offsets there are to be consumed up to End. Those that the log has lost don't count, and
	// markers of transactions do.
	Lag   int64 `json:"lag"`
	State State `json:"state"`
	// Why says more where the state doesn't say all.
	Why string `json:"why,omitempty"`
	// Written is when the cursor was written, by the clock of the one who did; zero without one.
	Written time.Time `json:"written,omitzero"`
	// Epoch and Owner are those of the ownership under which that was.
	Epoch int64  `json:"epoch"`
	Owner string `json:"owner,omitempty"`
	// Record is the offset of the record in the topic of cursors.
	Record int64 `json:"record"`
}

// standing of an entry in the logs of its topic.
func standing(e kafkacursor.Entry, l logs) Standing {
	p, log := judgeEntry(e, l)
	s := Standing{
		Consumer: e.Key.Consumer, Topic: e.Key.Topic, Partition: e.Key.Partition,
		Cursor: e.Cursor, Next: p.next, State: p.state,
		Written: e.Time.UTC(), Epoch: e.Epoch, Owner: e.Owner, Record: e.Offset,
	}
	if p.err != nil {
		s.Why = p.err.Error()
	}
	s.measure(log)
	return s
}

// without is the standing of a consumer that has no cursor in a partition.
func without(consumer, topic string, partition int32, log kafkastream.Offsets) Standing {
	s := Standing{Consumer: consumer, Topic: topic, Partition: partition, Next: log.Start, State: None, Record: unknown}
	s.measure(log)
	return s
}

func (s *Standing) measure(log kafkastream.Offsets) {
	s.Start, s.End, s.HighWatermark = log.Start, log.LastStable, log.HighWatermark
	switch s.State {
	case OK, None, BeyondEnd, Expired:
		s.Lag = max(log.LastStable-max(s.Next, log.Start), 0)
	case Recreated:
		s.Lag = max(log.LastStable-log.Start, 0)
	default:
		s.Lag = unknown
	}
}
