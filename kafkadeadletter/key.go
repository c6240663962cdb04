package kafkadeadletter

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/partition"
)

// Key says whose letter it is, and of which event. There is one letter for each. It is comparable.
type Key struct {
	// Consumer is the name of the reflex consumer. It is never empty.
	Consumer string
	// Topic, Partition and Offset are where the event is. The topic is never empty.
	Topic     string
	Partition int32
	Offset    int64
	// TopicID is that of the topic, so that the letters of a topic that was deleted and created
	// again don't replace those of the one before. It is zero where the cluster has no topic IDs.
	TopicID [16]byte
}

const (
	keyID       = "@"
	topicIDSize = 22 // 16 bytes in base64 without padding
)

// String returns the key of the record, such as "billing/orders/0/7@Rk3sT1x2Q9ilbZk9Pb1xGg", or
// "billing/orders/0/7" where the topic's ID isn't known. The consumer and the topic are escaped by
// url.PathEscape, so a slash in a name doesn't separate. Different keys have different strings.
func (k Key) String() string {
	text := url.PathEscape(k.Consumer) + "/" + url.PathEscape(k.Topic) +
		"/" + strconv.FormatInt(int64(k.Partition), 10) + "/" + strconv.FormatInt(k.Offset, 10)
	if k.TopicID != [16]byte{} {
		text += keyID + partition.FormatID(k.TopicID)
	}
	return text
}

// EventID returns the ID of the event in a stream of its partition.
func (k Key) EventID() string { return strconv.FormatInt(k.Offset, 10) }

// ParseKey is the inverse of String. It returns an *Error that is ErrBadKey for everything that
// String doesn't return.
func ParseKey(text string) (Key, error) {
	key, err := parseKey(text)
	if err == nil && key.String() != text {
		// Two spellings of one key would be two letters of one event.
		err = errors.New("not in canonical form", j.KV("canonical", key.String()))
	}
	if err != nil {
		return Key{}, &Error{
			Kind: ErrBadKey, Asked: strconv.Quote(clip(text)), Cause: err,
			Do: `write it as "consumer/topic/partition/offset", with "@" and the ID of the topic where that is known`,
		}
	}
	return key, nil
}

func parseKey(text string) (Key, error) {
	const parts = 4
	fields := strings.Split(text, "/")
	if len(fields) != parts {
		return Key{}, errors.New("not 4 parts", j.KV("parts", len(fields)))
	}
	var key Key
	var err error
	if key.Consumer, err = url.PathUnescape(fields[0]); err != nil {
		return Key{}, err
	}
	if key.Topic, err = url.PathUnescape(fields[1]); err != nil {
		return Key{}, err
	}
	number, err := strconv.ParseUint(fields[2], 10, 31)
	if err != nil {
		return Key{}, err
	}
	key.Partition = int32(number) //nolint:gosec // parsed as 31 bits
	offset, id, hasID := strings.Cut(fields[3], keyID)
	if key.Offset, err = parseOffset(offset); err != nil {
		return Key{}, err
	}
	if hasID {
		if len(id) != topicIDSize {
			return Key{}, errors.New("not the ID of a topic")
		}
		if _, err := base64.RawURLEncoding.Strict().Decode(key.TopicID[:], []byte(id)); err != nil {
			return Key{}, err
		}
	}
	return key, key.valid()
}

// parseOffset reads the ID of an event. The last number is none: nothing can follow it.
func parseOffset(id string) (int64, error) {
	offset, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, err
	}
	if offset < 0 || offset == math.MaxInt64 || strconv.FormatInt(offset, 10) != id {
		return 0, errors.New("not the offset of an event")
	}
	return offset, nil
}

// valid returns an error for a key that no letter can have.
func (k Key) valid() error {
	switch {
	case k.Consumer == "":
		return &Error{Kind: ErrBadName, Asked: "the letter of a consumer without a name", Do: "give the consumer a name"}
	case k.Topic == "", k.Partition < 0, k.Offset < 0, k.Offset == math.MaxInt64:
		return &Error{Kind: ErrBadKey, Asked: "the letter " + clip(k.String()), Do: "give a topic, and count partitions and offsets from 0"}
	}
	return nil
}

// clip keeps outside text in a message short.
func clip(text string) string {
	const enough = 128
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "..."
}
