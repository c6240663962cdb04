package cursoradmin

import (
	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// State says whether a consumer can go on from its cursor.
type State string

const (
	// OK is that of a cursor in the range of its log.
	OK State = "ok"
	// None is that of a partition in which the consumer has no cursor: it begins at the start.
	None State = "none"
	// Expired means that the event after the cursor was removed before it was consumed: kafkastream.ErrExpired.
	Expired State = "expired"
	// BeyondEnd means that the log doesn't have the event of the cursor: kafkastream.ErrBeyondEnd.
	BeyondEnd State = "beyond end"
	// Recreated means that the topic was deleted and created again: kafkastream.ErrTopicRecreated.
	Recreated State = "recreated"
	// NoTopic means that there is no such topic, or no such partition of it.
	NoTopic State = "no topic"
	// Unreadable means that the topic can't be asked; Standing.Why says why.
	Unreadable State = "unreadable"
	// Unbound is that of a cursor that says nothing of its topic, as those of a store without For.
	Unbound State = "unbound"
	// Corrupt means that the record is not that of a cursor, or its text not one of a partition; Standing.Why says more.
	Corrupt State = "corrupt"
)

// unknown is the value of an offset that isn't.
const unknown = -1

// position is what the text of a cursor means in a log.
type position struct {
	state State
	next  int64 // the offset to be consumed next, or unknown
	err   error // of Corrupt
}

// judge says what a cursor means in a log.
func judge(cursor string, id [16]byte, log kafkastream.Offsets) position {
	if cursor == "" {
		return position{state: OK, next: log.Start}
	}
	at, err := kafkastream.ParseCursor(cursor)
	if err != nil {
		return position{state: Corrupt, next: unknown, err: err}
	}
	p := position{state: OK, next: at.Offset + 1}
	switch {
	case !sameTopic(at.TopicID, id):
		p.state = Recreated
	case p.next < log.Start:
		p.state = Expired
	case p.next > log.HighWatermark:
		p.state = BeyondEnd
	}
	return p
}

// sameTopic reports whether two IDs may be those of one topic.
func sameTopic(a, b [16]byte) bool {
	var none [16]byte
	return a == b || a == none || b == none
}

// judgeEntry says what a record means in a log, or in one that isn't there.
func judgeEntry(e kafkacursor.Entry, l logs) (position, kafkastream.Offsets) {
	nowhere := kafkastream.Offsets{Start: unknown, LastStable: unknown, HighWatermark: unknown}
	if e.Key.Topic == "" && e.Err == nil {
		return position{state: Unbound, next: unknown}, nowhere
	}
	log, err := l.of(e.Key.Topic, e.Key.Partition)
	if err != nil {
		log = nowhere
	}
	switch {
	case e.Err != nil:
		return position{state: Corrupt, next: unknown, err: e.Err}, log
	case isGoneTopic(err):
		return position{state: NoTopic, next: nextOf(e.Cursor)}, log
	case err != nil:
		return position{state: Unreadable, next: nextOf(e.Cursor), err: err}, log
	}
	return judge(e.Cursor, l.id, log), log
}

// nextOf is what a cursor says alone.
func nextOf(cursor string) int64 {
	at, err := kafkastream.ParseCursor(cursor)
	if err != nil {
		return unknown
	}
	return at.Offset + 1
}

// isMisplaced reports whether a record can't be overruled before somebody has removed it: what is
// wrong is where it is, and not what it says.
func isMisplaced(err error) bool {
	var known *kafkacursor.Error
	return errors.As(err, &known) && known.Asked != ""
}
