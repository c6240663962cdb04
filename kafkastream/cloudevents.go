package kafkastream

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// CloudEvents returns a decoder of CloudEvents 1.x in both modes of their
// Kafka binding. A content-type header that starts with
// application/cloudevents means structured mode, in the JSON format, and anything
// else binary mode, with the attributes in ce_ headers.
//
//	type         Type, by name from types
//	subject      ForeignID; the record's key where there is none
//	time         Timestamp; the record's where there is none
//	data         MetaData: the value in binary mode, the bytes of data_base64 or the JSON text of data in
//	             structured mode; of data that is a JSON string but not of a JSON content type, the string
//	traceparent  Trace; the header of that name where there is no such attribute
//
// An event without data has nil MetaData. The attributes id and source are
// required, as by the standard, but an Event has no room for them, nor for
// other extensions: a Decoder of your own can call this one and add them to the
// MetaData.
//
// It returns a DecodeError for what the standard forbids, for another event
// format than JSON, and, with ErrUnknownType, for a type that types lacks.
func CloudEvents(types map[string]reflex.EventType) Decoder {
	resolve := typeResolver(types)
	return func(r *kgo.Record, e *reflex.Event) error {
		format, structured := eventFormat(r)
		var ce cloudEvent
		var err error
		switch {
		case !structured:
			ce = binaryCloudEvent(r)
		case format == "" || format == "+json":
			ce, err = structuredCloudEvent(r)
		default:
			err = newDecodeError(r, headerPart(headerContentType), []byte(format), errEventFormat)
		}
		if err != nil {
			return err
		}
		return ce.fill(r, e, resolve)
	}
}

const (
	headerContentType   = "content-type"
	cloudEventMediaType = "application/cloudevents"
	ceHeaderPrefix      = "ce_"
	ceMajorVersion      = "1."
)

var (
	errEventFormat  = errors.New("is an event format that the decoder doesn't know", j.C("ERR_168d4f95c7b30c03"))
	errSpecVersion  = errors.New("is not a version of CloudEvents 1", j.C("ERR_29161ae95956c50c"))
	errNotTimestamp = errors.New("is not a timestamp of RFC 3339", j.C("ERR_18d0c7de9c3107d2"))
	errNotJSON      = errors.New("is not the JSON that it should be", j.C("ERR_23cabf74545f37f7"))
	errTwoData      = errors.New("stands beside data_base64, only one may be there", j.C("ERR_7cf0e52af32de3c4"))
)

// cloudEvent holds the attributes that matter here.
type cloudEvent struct {
	// in and prefix name the place of an attribute in errors.
	in, prefix string

	specVersion, id, source, typ, subject, time, traceParent []byte

	data []byte
}

// eventFormat returns the suffix of the media type of structured mode.
func eventFormat(r *kgo.Record) (format string, structured bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		// Unlike the ce_ headers this one is common, and not everybody writes it
		// in lower case.
		if !strings.EqualFold(r.Headers[i].Key, headerContentType) {
			continue
		}
		media, _, _ := bytes.Cut(r.Headers[i].Value, []byte{';'})
		media = bytes.TrimSpace(media)
		n := len(cloudEventMediaType)
		if len(media) < n || !strings.EqualFold(textOf(media[:n]), cloudEventMediaType) {
			return "", false
		}
		return strings.ToLower(string(media[n:])), true
	}
	return "", false
}

func binaryCloudEvent(r *kgo.Record) cloudEvent {
	ce := cloudEvent{in: "header", prefix: ceHeaderPrefix, data: r.Value}
	for i := range r.Headers {
		h := &r.Headers[i]
		name, ok := strings.CutPrefix(h.Key, ceHeaderPrefix)
		if !ok {
			continue
		}
		if attribute := ce.attribute(name); attribute != nil {
			*attribute = h.Value
		}
	}
	return ce
}

// attribute returns where to keep the attribute, or nil if it isn't needed.
func (ce *cloudEvent) attribute(name string) *[]byte {
	switch name {
	case "specversion":
		return &ce.specVersion
	case "id":
		return &ce.id
	case "source":
		return &ce.source
	case "type":
		return &ce.typ
	case "subject":
		return &ce.subject
	case "time":
		return &ce.time
	case "traceparent":
		return &ce.traceParent
	default:
		return nil
	}
}

func structuredCloudEvent(r *kgo.Record) (cloudEvent, error) {
	// A map, because names of attributes are case-sensitive and those of the
	// fields of a struct are not.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Value, &members); err != nil || members == nil {
		return cloudEvent{}, newDecodeError(r, "value", r.Value, errNotJSON)
	}
	ce := cloudEvent{in: "member"}
	for name, raw := range members {
		attribute := ce.attribute(name)
		if attribute == nil {
			continue
		}
		text, ok := jsonText(raw)
		if !ok {
			return cloudEvent{}, newDecodeError(r, ce.part(name), raw, errNotJSON)
		}
		*attribute = text
	}

	data, hasData := present(members, "data")
	encodedData, hasBase64 := present(members, "data_base64")
	switch {
	case hasData && hasBase64:
		return cloudEvent{}, newDecodeError(r, ce.part("data"), data, errTwoData)
	case hasBase64:
		text, ok := jsonText(encodedData)
		if !ok {
			return cloudEvent{}, newDecodeError(r, ce.part("data_base64"), encodedData, errNotJSON)
		}
		decoded, err := base64.StdEncoding.AppendDecode(make([]byte, 0, len(text)), text)
		if err != nil {
			return cloudEvent{}, newDecodeError(r, ce.part("data_base64"), text, errors.Wrap(err, "is not base64"))
		}
		ce.data = decoded
	case hasData:
		ce.data = data
		contentType, ok := jsonText(members["datacontenttype"])
		if !ok {
			return cloudEvent{}, newDecodeError(r, ce.part("datacontenttype"), members["datacontenttype"], errNotJSON)
		}
		if data[0] == '"' && !isJSONContentType(contentType) {
			ce.data, _ = jsonText(data)
		}
	}
	return ce, nil
}

// present returns the member unless it is null, which the JSON format of
// CloudEvents takes for absent.
func present(members map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := members[name]
	return raw, ok && !bytes.Equal(raw, []byte("null"))
}

// jsonText returns the text of a JSON string, nil for null and for nothing.
func jsonText(raw json.RawMessage) ([]byte, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, false
	}
	if text == nil {
		return nil, true
	}
	return []byte(*text), true
}

// isJSONContentType reports whether data of the type is a JSON value. No type
// means application/json.
func isJSONContentType(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte{';'})
	media = bytes.ToLower(bytes.TrimSpace(media))
	_, subtype, _ := bytes.Cut(media, []byte{'/'})
	return len(media) == 0 || bytes.Equal(subtype, []byte("json")) || bytes.HasSuffix(subtype, []byte("+json"))
}

func (ce *cloudEvent) part(attribute string) string {
	return ce.in + ` "` + ce.prefix + attribute + `"`
}

func (ce *cloudEvent) fill(r *kgo.Record, e *reflex.Event, resolve func([]byte) (reflex.EventType, bool)) error {
	for _, required := range [...]struct {
		name  string
		value []byte
	}{{"specversion", ce.specVersion}, {"id", ce.id}, {"source", ce.source}, {"type", ce.typ}} {
		if len(required.value) == 0 {
			return newDecodeError(r, ce.part(required.name), nil, errMissing)
		}
	}
	if !bytes.HasPrefix(ce.specVersion, []byte(ceMajorVersion)) {
		return newDecodeError(r, ce.part("specversion"), ce.specVersion, errSpecVersion)
	}
	typ, ok := resolve(ce.typ)
	if !ok {
		return newDecodeError(r, ce.part("type"), ce.typ, ErrUnknownType)
	}

	decodePlain(r, e)
	e.Type = typ
	e.MetaData = ce.data
	if len(ce.subject) > 0 {
		e.ForeignID = textOf(ce.subject)
	}
	if len(ce.time) > 0 {
		at, err := time.Parse(time.RFC3339Nano, textOf(ce.time))
		if err != nil {
			return newDecodeError(r, ce.part("time"), ce.time, errNotTimestamp)
		}
		e.Timestamp = at.UTC()
	}
	var slab traceSlab
	if e.Trace = slab.trace(ce.traceParent); e.Trace == nil {
		e.Trace = traceOf(r)
	}
	return nil
}
