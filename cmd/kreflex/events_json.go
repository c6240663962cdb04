package main

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/kreflex/kreflex/reflex"
)

// eventJSON is an event as JSON: what consume prints, and demo reads. Of what
// demo reads, the fields that say where an event was are passed over.
type eventJSON struct {
	ID        string  `json:"id,omitempty"`
	Topic     string  `json:"topic,omitempty"`
	Partition *int32  `json:"partition,omitempty"`
	Timestamp string  `json:"timestamp,omitempty"`
	Type      *int    `json:"type"`
	ForeignID *string `json:"foreign_id,omitempty"`
	// ForeignIDBytes stands instead of ForeignID where that is not valid UTF-8,
	// which JSON can't hold.
	ForeignIDBytes []byte          `json:"foreign_id_base64,omitempty"`
	MetaData       json.RawMessage `json:"metadata,omitempty"`
	// MetaDataBytes stands instead of MetaData where that is not JSON.
	MetaDataBytes []byte `json:"metadata_base64,omitempty"`
}

// event returns the event to publish.
func (e eventJSON) event() reflex.Event {
	event := reflex.Event{Type: kind(*e.Type), MetaData: e.MetaDataBytes}
	if e.ForeignID != nil {
		event.ForeignID = *e.ForeignID
	} else {
		event.ForeignID = string(e.ForeignIDBytes)
	}
	if e.MetaData != nil {
		event.MetaData = bytes.Clone(e.MetaData)
	}
	return event
}

// jsonOf returns an event as one line of JSON, without the line's end.
func jsonOf(e *reflex.Event, topic string, partition int32) ([]byte, error) {
	out := eventJSON{
		ID:        e.ID,
		Topic:     topic,
		Partition: &partition,
		Timestamp: e.Timestamp.UTC().Format(time.RFC3339Nano),
	}
	if e.Type != nil {
		number := e.Type.ReflexType()
		out.Type = &number
	}
	if utf8.ValidString(e.ForeignID) {
		out.ForeignID = &e.ForeignID
	} else {
		out.ForeignIDBytes = []byte(e.ForeignID)
	}
	if json.Valid(e.MetaData) {
		out.MetaData = e.MetaData
	} else {
		out.MetaDataBytes = e.MetaData
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // it is not for a browser
	if err := encoder.Encode(out); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}
