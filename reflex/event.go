package reflex

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Event is a state change notification. It is immutable: a source may hand
// out events that share memory, so a consumer that changes MetaData or Trace
// must copy them first, and one that keeps a few events for long should keep
// Clone of them instead, or it pins the whole batch they were decoded from.
type Event struct {
	// ID identifies the event in its stream and is the cursor that resumes
	// after it. Kafka partitions use the offset in decimal; 0 is a valid ID.
	ID string
	// Type says what happened. It may be nil where the source knows no types.
	Type EventType
	// ForeignID is the ID of the thing that the event is about.
	ForeignID string
	// Timestamp is when the event was created, by the clock of its creator.
	Timestamp time.Time
	// MetaData is opaque to reflex. Nil and empty are different values.
	MetaData []byte
	// Trace is the encoded span context of the creator, or empty.
	Trace []byte
}

// EventType is an enum of event types, compared by the number alone.
type EventType interface {
	// ReflexType returns the number of the type.
	ReflexType() int
}

// EventFilter reports whether the consumer wants the event.
type EventFilter func(event *Event) (bool, error)

// Clone returns a copy that shares no memory with the event, except for Type. Nil
// and empty MetaData and Trace stay what they are.
func (e *Event) Clone() *Event {
	clone := *e
	clone.ID = strings.Clone(e.ID)
	clone.ForeignID = strings.Clone(e.ForeignID)
	clone.MetaData = bytes.Clone(e.MetaData)
	clone.Trace = bytes.Clone(e.Trace)
	return &clone
}

// IDInt returns the ID as a number, or 0 if it is not one. As 0 is also a
// valid ID, use IsIDInt to tell the two apart.
func (e *Event) IDInt() int64 {
	id, err := strconv.ParseInt(e.ID, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// IsIDInt reports whether the ID is a decimal int64.
func (e *Event) IsIDInt() bool {
	_, err := strconv.ParseInt(e.ID, 10, 64)
	return err == nil
}

// ForeignIDInt returns the foreign ID as a number, or 0 if it is not one.
func (e *Event) ForeignIDInt() int64 {
	id, err := strconv.ParseInt(e.ForeignID, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// IsForeignIDInt reports whether the foreign ID is a decimal int64.
func (e *Event) IsForeignIDInt() bool {
	_, err := strconv.ParseInt(e.ForeignID, 10, 64)
	return err == nil
}

// IsType reports whether the two types have the same number; their Go types
// don't matter. It panics on a nil type.
func IsType(source, target EventType) bool {
	return source.ReflexType() == target.ReflexType()
}

// IsAnyType reports whether source has the number of one of the targets. It
// is false without targets.
func IsAnyType(source EventType, targets ...EventType) bool {
	for _, target := range targets {
		if IsType(source, target) {
			return true
		}
	}
	return false
}
