package kafkadeadletter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/partition"
)

// The headers of a letter, see the documentation of the package.
const (
	prefix = "dlq."

	headerVersion     = prefix + "v"
	headerConsumer    = prefix + "consumer"
	headerTopic       = prefix + "topic"
	headerTopicID     = prefix + "topic-id"
	headerPartition   = prefix + "partition"
	headerOffset      = prefix + "offset"
	headerLeaderEpoch = prefix + "leader-epoch"
	headerTimestamp   = prefix + "timestamp"

	headerError      = prefix + "error"
	headerErrorCode  = prefix + "error-code"
	headerErrorType  = prefix + "error-type"
	headerErrorKeys  = prefix + "error-keys"
	headerErrorStack = prefix + "error-stack"

	headerKey       = prefix + "key"
	headerValue     = prefix + "value"
	headerContent   = prefix + "content"
	headerEventType = prefix + "event-type"
	headerEventTime = prefix + "event-time"
	headerTrace     = prefix + "event-trace"
	headerOriginal  = prefix + "headers"
)

const (
	version = "1"
	null    = "null" // the value of headerValue

	contentRecord = "record"
	contentEvent  = "event"
	contentNone   = "none"
)

// encode returns the record of a letter, without its topic. It shares memory with the letter.
//
// The headers of the original come first and their number last: whatever their names are, and if they
// are letters' headers themselves, it is clear whose they are. Ours are the last of their names too, so
// that a tool that looks for one finds ours.
func encode(l Letter) *kgo.Record {
	var (
		headers []kgo.RecordHeader
		value   []byte
		content = contentNone
	)
	if l.Record != nil {
		headers = append(headers, l.Record.Headers...)
	}
	original := len(headers)
	add := func(name string, value []byte) {
		headers = append(headers, kgo.RecordHeader{Key: name, Value: value})
	}
	text := func(name, value string) { add(name, []byte(value)) }
	number := func(name string, n int64) { add(name, strconv.AppendInt(nil, n, 10)) }

	text(headerVersion, version)
	text(headerConsumer, l.Key.Consumer)
	text(headerTopic, l.Key.Topic)
	if l.Key.TopicID != [16]byte{} {
		text(headerTopicID, partition.FormatID(l.Key.TopicID))
	}
	number(headerPartition, int64(l.Key.Partition))
	number(headerOffset, l.Key.Offset)
	text(headerError, l.Failure.Text)
	for _, code := range l.Failure.Codes {
		text(headerErrorCode, code)
	}
	if l.Failure.Type != "" {
		text(headerErrorType, l.Failure.Type)
	}
	if len(l.Failure.Keys) > 0 {
		keys, _ := json.Marshal(l.Failure.Keys) // strings can't fail
		add(headerErrorKeys, keys)
	}
	if l.Failure.Stack != "" {
		text(headerErrorStack, l.Failure.Stack)
	}

	switch {
	case l.Record != nil:
		content = contentRecord
		value = l.Record.Value
		number(headerLeaderEpoch, int64(l.Record.LeaderEpoch))
		number(headerTimestamp, l.Record.Timestamp.UnixMilli())
		if l.Record.Key != nil {
			add(headerKey, l.Record.Key)
		}
	case l.Event != nil:
		content = contentEvent
		value = l.Event.MetaData
		text(headerKey, l.Event.ForeignID)
		if l.Event.Type != nil {
			number(headerEventType, int64(l.Event.Type.ReflexType()))
		}
		text(headerEventTime, l.Event.Timestamp.UTC().Format(time.RFC3339Nano))
		if l.Event.Trace != nil {
			add(headerTrace, l.Event.Trace)
		}
	}
	if value == nil {
		// A record without a value would say that there is no letter.
		value = []byte{}
		text(headerValue, null)
	}
	text(headerContent, content)
	number(headerOriginal, int64(original))
	return &kgo.Record{Key: []byte(l.Key.String()), Value: value, Headers: headers}
}

func typeOf(err error) string { return fmt.Sprintf("%T", err) }

func joinLines(lines []string) string { return strings.Join(lines, "\n") }
