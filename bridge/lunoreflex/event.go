package lunoreflex

import (
	"bytes"
	"strings"

	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoEvent returns a copy that shares no memory with the event, except for its Type. That of
// nil is nil.
func ToLunoEvent(e *reflex.Event) *luno.Event {
	if e == nil {
		return nil
	}
	return &luno.Event{
		// Texts of a Kafka batch are parts of one. A consumer that knows nothing of Kafka
		// and keeps some foreign IDs would keep whole batches with them.
		ID:        strings.Clone(e.ID),
		Type:      e.Type,
		ForeignID: strings.Clone(e.ForeignID),
		Timestamp: e.Timestamp,
		MetaData:  bytes.Clone(e.MetaData),
		Trace:     bytes.Clone(e.Trace),
	}
}

// FromLunoEvent returns a copy that shares with the event its texts and its Type, which nobody can
// change. That of nil is nil.
func FromLunoEvent(e *luno.Event) *reflex.Event {
	if e == nil {
		return nil
	}
	return &reflex.Event{
		ID:        e.ID,
		Type:      e.Type,
		ForeignID: e.ForeignID,
		Timestamp: e.Timestamp,
		// The cache of an events table gives one event to all its streams.
		MetaData: bytes.Clone(e.MetaData),
		Trace:    bytes.Clone(e.Trace),
	}
}
