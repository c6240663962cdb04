package kafkastream

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// DebeziumOutbox returns a decoder of what Debezium's outbox event router
// writes for the rows of an outbox table.
//
//	key            ForeignID: the aggregate's id
//	value          MetaData: the payload column; nil for a tombstone
//	type           Type, by name from types: the header eventType, else the header type, else the member
//	               of either name beside payload in an envelope
//	record's time  Timestamp
//	traceparent    Trace, from the header
//
// The router does not send the column of the type by itself. Let the connector
// place it in a header
//
//	transforms.outbox.table.fields.additional.placement=type:header:eventType
//
// or, as type:envelope:eventType, beside the payload. A record with neither has the
// type types[""].
//
// What Connect's JsonConverter does to the columns is undone: key, header and
// payload may be inside {"schema":..,"payload":..}, bytes in base64 if the
// schema says so; key and header may be JSON strings; and a payload that is a JSON
// string with JSON in it (the default for a json column) is what is in it. Any
// other payload is taken as it is, Avro and Protobuf too.
//
// The header id is the row's; an Event has no room for it: a Decoder of your
// own can call this one and add it to the MetaData.
//
// It returns a DecodeError with ErrUnknownType for a type that types lacks.
func DebeziumOutbox(types map[string]reflex.EventType) Decoder {
	resolve := typeResolver(types)
	return func(r *kgo.Record, e *reflex.Event) error {
		key, err := connectText(r.Key)
		if err != nil {
			return newDecodeError(r, "key", r.Key, err)
		}
		payload, err := unwrapConnect(r.Value)
		if err != nil {
			return newDecodeError(r, "value", r.Value, err)
		}
		name, part, err := outboxType(r, &payload)
		if err != nil {
			return newDecodeError(r, part, name, err)
		}
		typ, ok := resolve(name)
		if !ok {
			return newDecodeError(r, part, name, ErrUnknownType)
		}
		e.Type = typ
		e.ForeignID = textOf(key)
		e.Timestamp = r.Timestamp.UTC()
		e.MetaData = expandJSON(payload)
		e.Trace = traceOf(r)
		return nil
	}
}

// outboxTypeNames returns the aliases that Debezium's documents give the column of
// the type, the usual one first.
func outboxTypeNames() [2]string { return [2]string{"eventType", "type"} }

// outboxType finds the name of the type. If it is in an envelope, payload becomes
// what the envelope holds.
func outboxType(r *kgo.Record, payload *[]byte) (name []byte, part string, err error) {
	for _, alias := range outboxTypeNames() {
		if value, found := lastHeader(r, alias); found {
			name, err = connectText(value)
			if err != nil {
				return value, headerPart(alias), err
			}
			return name, headerPart(alias), nil
		}
	}
	envelope, ok := jsonObject(*payload)
	inner, hasPayload := envelope["payload"]
	if !ok || !hasPayload {
		return nil, headerPart(outboxTypeNames()[0]), nil
	}
	for _, alias := range outboxTypeNames() {
		raw, found := envelope[alias]
		if !found {
			continue
		}
		part = `member "` + alias + `" of the envelope`
		name, ok = jsonText(raw)
		if !ok {
			return raw, part, errNotJSON
		}
		*payload = nil
		if !bytes.Equal(inner, []byte("null")) {
			*payload = inner
		}
		return name, part, nil
	}
	return nil, headerPart(outboxTypeNames()[0]), nil
}

// jsonObject returns the members of a JSON object. The first byte is looked at
// before anything costly, as most payloads are decided by it.
func jsonObject(b []byte) (map[string]json.RawMessage, bool) {
	if len(b) == 0 || b[0] != '{' {
		return nil, false
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, false
	}
	return members, true
}

// unwrapConnect takes the schema off what a JsonConverter with schemas wrote, and
// returns anything else as it is. Null becomes nil.
func unwrapConnect(b []byte) ([]byte, error) {
	members, ok := jsonObject(b)
	if !ok || len(members) != 2 {
		return b, nil
	}
	payload, hasPayload := members["payload"]
	schema, hasSchema := members["schema"]
	if !hasPayload || !hasSchema {
		return b, nil
	}
	var described struct {
		Type *string `json:"type"`
	}
	if json.Unmarshal(schema, &described) != nil || (described.Type == nil && !bytes.Equal(schema, []byte("null"))) {
		return b, nil // somebody's own document with a member named schema
	}
	if bytes.Equal(payload, []byte("null")) {
		return nil, nil
	}
	if described.Type != nil && *described.Type == "bytes" {
		text, ok := jsonText(payload)
		if !ok {
			return nil, errNotJSON
		}
		decoded, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(text)), text)
		if err != nil {
			return nil, errors.Wrap(err, "is not base64")
		}
		return decoded, nil
	}
	return payload, nil
}

// connectText returns the text of a key or header, however it was converted.
func connectText(b []byte) ([]byte, error) {
	b, err := unwrapConnect(b)
	if err != nil {
		return nil, err
	}
	if len(b) > 1 && b[0] == '"' {
		if text, ok := jsonText(b); ok {
			return text, nil
		}
	}
	return b, nil
}

// expandJSON undoes the quoting of JSON that a converter took for text. A string
// that isn't JSON inside stays quoted: it is one that the payload column held.
func expandJSON(payload []byte) []byte {
	if len(payload) < 2 || payload[0] != '"' {
		return payload
	}
	text, ok := jsonText(payload)
	if !ok || len(text) == 0 || (text[0] != '{' && text[0] != '[') || !json.Valid(text) {
		return payload
	}
	return text
}
