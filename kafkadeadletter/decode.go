package kafkadeadletter

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

// decode reads the record of a letter, which has a value. What is wrong with it is the letter's Err.
//
// It shares memory with the record.
func decode(r *kgo.Record) Letter {
	bad := Letter{Time: r.Timestamp, Offset: r.Offset}
	key, err := ParseKey(string(r.Key))
	if err != nil {
		bad.Err = &Error{
			Kind: ErrCorruptLetter, Topic: r.Topic, Cause: err,
			Found: "a key that is none at offset " + strconv.FormatInt(r.Offset, 10), Do: "find out who wrote it",
		}
		return bad
	}
	letter, err := decodeHeaders(r, key)
	if err != nil {
		bad.Key = key
		bad.Err = &Error{Kind: ErrCorruptLetter, Topic: r.Topic, Key: key, Cause: err, Do: "find out who wrote it, then Discard it"}
		return bad
	}
	letter.Time, letter.Offset = r.Timestamp, r.Offset
	return letter
}

func decodeHeaders(r *kgo.Record, key Key) (Letter, error) {
	original, ours, err := split(r.Headers)
	if err != nil {
		return Letter{}, err
	}
	fields, err := fieldsOf(ours)
	if err != nil {
		return Letter{}, err
	}
	if err := fields.check(key); err != nil {
		return Letter{}, err
	}
	letter := Letter{Key: key}
	if letter.Failure, err = fields.failure(); err != nil {
		return Letter{}, err
	}
	value := r.Value
	if mark, ok := fields.get(headerValue); ok {
		if string(mark) != null || len(value) > 0 {
			return Letter{}, wrong(headerValue, mark)
		}
		value = nil
	}
	content, _ := fields.get(headerContent)
	switch string(content) {
	case contentRecord:
		letter.Record, err = fields.record(key, value, original)
	case contentEvent:
		letter.Event, err = fields.event(key, value)
	case contentNone:
	default:
		err = wrong(headerContent, content)
	}
	return letter, err
}

// split tells the headers of the original from ours. What others added behind ours is with ours, and
// of no meaning.
func split(headers []kgo.RecordHeader) (original, ours []kgo.RecordHeader, err error) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key != headerOriginal {
			continue
		}
		n, err := parseNumber(headers[i].Value, 0, int64(i))
		if err != nil {
			return nil, nil, wrong(headerOriginal, headers[i].Value)
		}
		original, ours = headers[:n:n], headers[n:]
		if n == 0 {
			original = nil // as a record without headers has
		}
		return original, ours, nil
	}
	return nil, nil, missing(headerOriginal)
}

// fields are our headers. The last of a name counts, but for those of which there are several.
type fields struct {
	last  map[string][]byte
	codes []string
}

func fieldsOf(headers []kgo.RecordHeader) (fields, error) {
	f := fields{last: make(map[string][]byte, len(headers))}
	for _, h := range headers {
		if !strings.HasPrefix(h.Key, prefix) {
			continue
		}
		value := h.Value
		if value == nil {
			value = []byte{} // a missing header is nil
		}
		f.last[h.Key] = value
		if h.Key == headerErrorCode {
			f.codes = append(f.codes, string(value))
		}
	}
	found, ok := f.get(headerVersion)
	if !ok {
		return fields{}, missing(headerVersion)
	}
	if string(found) != version {
		return fields{}, wrong(headerVersion, found)
	}
	return f, nil
}

func (f fields) get(name string) ([]byte, bool) {
	value, ok := f.last[name]
	return value, ok
}

// number returns a header in decimal.
func (f fields) number(name string, least, most int64) (int64, error) {
	value, ok := f.get(name)
	if !ok {
		return 0, missing(name)
	}
	n, err := parseNumber(value, least, most)
	if err != nil {
		return 0, wrong(name, value)
	}
	return n, nil
}

// check compares the headers that repeat the key with it: if they differ, nobody knows which is right.
func (f fields) check(key Key) error {
	topicID := ""
	if key.TopicID != [16]byte{} {
		topicID = partition.FormatID(key.TopicID)
	}
	for name, want := range map[string]string{
		headerConsumer: key.Consumer, headerTopic: key.Topic, headerTopicID: topicID,
		headerPartition: strconv.FormatInt(int64(key.Partition), 10), headerOffset: key.EventID(),
	} {
		if found, _ := f.get(name); string(found) != want {
			return wrong(name, found)
		}
	}
	return nil
}

func (f fields) failure() (Failure, error) {
	text, ok := f.get(headerError)
	if !ok {
		return Failure{}, missing(headerError)
	}
	errorType, _ := f.get(headerErrorType)
	stack, _ := f.get(headerErrorStack)
	failure := Failure{Text: string(text), Codes: f.codes, Type: string(errorType), Stack: string(stack)}
	if keys, ok := f.get(headerErrorKeys); ok {
		if err := json.Unmarshal(keys, &failure.Keys); err != nil {
			return Failure{}, wrong(headerErrorKeys, keys)
		}
	}
	return failure, nil
}

func (f fields) record(key Key, value []byte, original []kgo.RecordHeader) (*kgo.Record, error) {
	epoch, err := f.number(headerLeaderEpoch, -1, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	timestamp, err := f.number(headerTimestamp, math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	originalKey, _ := f.get(headerKey)
	return &kgo.Record{
		Key: originalKey, Value: value, Headers: original, Timestamp: time.UnixMilli(timestamp),
		Topic: key.Topic, Partition: key.Partition, Offset: key.Offset, LeaderEpoch: int32(epoch), //nolint:gosec // bounded
	}, nil
}

func (f fields) event(key Key, value []byte) (*reflex.Event, error) {
	foreignID, ok := f.get(headerKey)
	if !ok {
		return nil, missing(headerKey)
	}
	at, ok := f.get(headerEventTime)
	if !ok {
		return nil, missing(headerEventTime)
	}
	timestamp, err := time.Parse(time.RFC3339Nano, string(at))
	if err != nil {
		return nil, wrong(headerEventTime, at)
	}
	e := &reflex.Event{ID: key.EventID(), ForeignID: string(foreignID), Timestamp: timestamp, MetaData: value}
	if trace, ok := f.get(headerTrace); ok {
		e.Trace = trace
	}
	if _, ok := f.get(headerEventType); ok {
		number, err := f.number(headerEventType, math.MinInt, math.MaxInt)
		if err != nil {
			return nil, err
		}
		e.Type = eventType(number)
	}
	return e, nil
}

// eventType is the type of an event of which only the number was kept.
type eventType int

var _ reflex.EventType = eventType(0)

// ReflexType returns the number.
func (t eventType) ReflexType() int { return int(t) }

// parseNumber reads a decimal number in the one way of writing it.
func parseNumber(text []byte, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, err
	}
	if n < least || n > most || strconv.FormatInt(n, 10) != string(text) {
		return 0, strconv.ErrRange
	}
	return n, nil
}

var (
	errMissing = errors.New("header is missing", j.C("ERR_62e0a7cb419df583"))
	errWrong   = errors.New("header is not what it should be", j.C("ERR_c8573f10be6ad294"))
)

func missing(name string) error { return errors.Wrap(errMissing, name) }

func wrong(name string, found []byte) error {
	return errors.Wrap(errWrong, name+" "+strconv.Quote(clip(string(found))))
}
