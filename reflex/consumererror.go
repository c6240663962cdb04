package reflex

import (
	"context"
	"strconv"
	"time"
)

// ErrorInsertFunc records that a consumer gave up on an event, such as in a dead-letter topic
// or a table. When it returns nil the record is durable, and the event counts as consumed; with an
// error the event will come again. For the same consumer and event it may be called
// again, and should then keep one record.
type ErrorInsertFunc func(ctx context.Context, consumerName string, eventID string, errMsg string) error

// ErrorStatus is what became of a recorded error.
type ErrorStatus int

// The statuses of a recorded error. Their numbers are those of luno/reflex, which has them in its tables.
const (
	// UnknownEventError is the status of nothing that was recorded.
	UnknownEventError ErrorStatus = 0
	// EventErrorRecorded is the status that an error is recorded with.
	EventErrorRecorded ErrorStatus = 1
)

var _ EventType = ErrorStatus(0)

// ReflexType returns the number of the status: it is the type of the events that tell of recorded errors.
func (s ErrorStatus) ReflexType() int { return int(s) }

// ShiftStatus returns the number of the status, for luno/shift.
func (s ErrorStatus) ShiftStatus() int { return int(s) }

// ConsumerError is the record of an event that a consumer gave up on.
type ConsumerError struct {
	// ID identifies the record where it is kept.
	ID string
	// ConsumerName is the name of the consumer.
	ConsumerName string
	// EventID is the ID of the event in the consumer's stream.
	EventID string
	// Message is the text of the error.
	Message string
	// CreatedAt is when the error was recorded, UpdatedAt when the record last changed.
	CreatedAt, UpdatedAt time.Time
	// Status is what became of it.
	Status ErrorStatus
}

// IDInt returns the ID as a number, or 0 if it is not one. As 0 may also be an ID, use IsIDInt
// to tell the two apart.
func (e *ConsumerError) IDInt() int64 { return intOrZero(e.ID) }

// IsIDInt reports whether the ID is a decimal int64.
func (e *ConsumerError) IsIDInt() bool { return isInt(e.ID) }

// EventIDInt returns the event's ID as a number, or 0 if it is not one. As 0 is also the ID of the first event
// of a Kafka partition, use IsEventIDInt to tell the two apart.
func (e *ConsumerError) EventIDInt() int64 { return intOrZero(e.EventID) }

// IsEventIDInt reports whether the event's ID is a decimal int64.
func (e *ConsumerError) IsEventIDInt() bool { return isInt(e.EventID) }

func intOrZero(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0 // and not the nearest int64 of a number that is out of range
	}
	return n
}

func isInt(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}
