package kafkastream

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/kreflex/kreflex/internal/partition"
)

// Cursor is what a cursor text says: which event was consumed last, and in
// which log.
//
//	7                              offset 7
//	7@Rk3sT1x2Q9ilbZk9Pb1xGg       offset 7 of the topic with that ID
//	7@Rk3sT1x2Q9ilbZk9Pb1xGg:4     the same, written under leader epoch 4
//	-1@Rk3sT1x2Q9ilbZk9Pb1xGg      no event of that topic yet, so offset 0 is next
//
// The last form is what a consumer begins with at the head of a topic that is empty. Unlike "" it insists on
// offset 0: it has expired when retention removed that.
//
// The identity lets a stream notice that the topic was deleted and created
// again, or that its log was cut and written anew, where the offset alone would
// still look right. The ID is in the form that Kafka's tools print.
type Cursor struct {
	// Offset of the event consumed last, or -1 if that is still to be the first.
	Offset int64
	// TopicID is zero where it isn't known.
	TopicID [16]byte
	// LeaderEpoch is -1 where it isn't known.
	LeaderEpoch int32
}

const (
	cursorID    = "@"
	cursorEpoch = ":"
	topicIDSize = 22 // 16 bytes in base64 without padding

	beforeFirst = "-1"

	unknownEpoch = -1
)

// ParseCursor reads the text of a cursor. It takes nothing but what String
// writes, and returns an *Error that is ErrBadCursor for anything else, the empty text
// included: that is the start of a stream and no event's cursor.
func ParseCursor(text string) (Cursor, error) {
	offset, identity, hasIdentity := strings.Cut(text, cursorID)
	c := Cursor{LeaderEpoch: unknownEpoch}
	var ok bool
	// No event follows the last number, so it can't be a cursor either.
	if offset == beforeFirst {
		c.Offset = -1
	} else if c.Offset, ok = parseNumber(offset, math.MaxInt64-1); !ok {
		return Cursor{}, badCursor(text, "the part before the @ is not the offset of an event")
	}
	if !hasIdentity {
		return c, nil
	}
	id, epoch, hasEpoch := strings.Cut(identity, cursorEpoch)
	if len(id) != topicIDSize {
		return Cursor{}, badCursor(text, "the part behind the @ is not the ID of a topic")
	}
	// Strict refuses texts that differ from the one that String writes.
	if _, err := base64.RawURLEncoding.Strict().Decode(c.TopicID[:], []byte(id)); err != nil || c.TopicID == [16]byte{} {
		return Cursor{}, badCursor(text, "the part behind the @ is not the ID of a topic")
	}
	if !hasEpoch {
		return c, nil
	}
	number, ok := parseNumber(epoch, math.MaxInt32)
	if !ok {
		return Cursor{}, badCursor(text, "the part behind the : is not a leader epoch")
	}
	c.LeaderEpoch = int32(number)
	return c, nil
}

// parseNumber reads a decimal number in the one way of writing it.
func parseNumber(text string, limit int64) (int64, bool) {
	if text == "" || (text[0] == '0' && len(text) > 1) || text[0] == '-' || text[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n <= limit
}

// String returns the text. The leader epoch is left out where the topic ID isn't
// known, as it says nothing without.
func (c Cursor) String() string {
	const room = len("-9223372036854775808@") + topicIDSize + len(":-2147483648")
	text := strconv.AppendInt(make([]byte, 0, room), c.Offset, 10)
	if c.TopicID != [16]byte{} {
		text = append(text, cursorID...)
		text = append(text, partition.FormatID(c.TopicID)...)
		if c.LeaderEpoch >= 0 {
			text = append(text, cursorEpoch...)
			text = strconv.AppendInt(text, int64(c.LeaderEpoch), 10)
		}
	}
	return string(text)
}
