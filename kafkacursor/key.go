package kafkacursor

import (
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// Key says whose cursor it is, and in which log. It is comparable.
type Key struct {
	// Consumer is the name of the reflex consumer. It is never empty.
	Consumer string
	// Topic is that of the events, not of the cursors. It is empty for a cursor
	// that was set without For, which says nothing of where it is a cursor in.
	Topic string
	// Partition is that of the events, and 0 where Topic is empty.
	Partition int32
}

// String returns the key of the record, such as "billing/orders/0", or "billing"
// where there is no topic. The parts are escaped by url.PathEscape, so a slash in
// a name doesn't separate. Different keys have different strings.
func (k Key) String() string {
	if k.Topic == "" {
		return url.PathEscape(k.Consumer)
	}
	return url.PathEscape(k.Consumer) + "/" + url.PathEscape(k.Topic) + "/" + strconv.FormatInt(int64(k.Partition), 10)
}

// ParseKey is the inverse of String. It returns ErrBadKey for everything that
// String doesn't return.
func ParseKey(text string) (Key, error) {
	key, err := parseKey(text)
	if err == nil && key.String() != text {
		// Two spellings of one key would be two cursors of one consumer.
		err = errors.New("not in canonical form", j.KV("canonical", key.String()))
	}
	if err != nil {
		return Key{}, &Error{Kind: ErrBadKey, Asked: strconv.Quote(clip(text)), Do: `write it as "consumer/topic/partition" or "consumer"`, Cause: err}
	}
	return key, nil
}

func parseKey(text string) (Key, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 1 && len(parts) != 3 {
		return Key{}, errors.New("neither 1 nor 3 parts", j.KV("parts", len(parts)))
	}
	consumer, err := url.PathUnescape(parts[0])
	if err != nil {
		return Key{}, err
	}
	if consumer == "" {
		return Key{}, errors.New("no consumer")
	}
	if len(parts) == 1 {
		return Key{Consumer: consumer}, nil
	}
	topic, err := url.PathUnescape(parts[1])
	if err != nil {
		return Key{}, err
	}
	if topic == "" {
		return Key{}, errors.New("no topic")
	}
	partition, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return Key{}, err
	}
	if partition > math.MaxInt32 {
		return Key{}, errors.New("no such partition")
	}
	return Key{Consumer: consumer, Topic: topic, Partition: int32(partition)}, nil
}

// valid returns an error for a key that no cursor can have.
func (k Key) valid() error {
	switch {
	case k.Consumer == "":
		return &Error{Kind: ErrBadName, Asked: "the cursor of a consumer without a name", Do: "give the consumer a name"}
	case k.Partition < 0, k.Topic == "" && k.Partition != 0:
		return &Error{Kind: ErrBadKey, Key: k, Asked: "a partition that there can't be", Do: "give a topic and count its partitions from 0"}
	}
	return nil
}

// clip keeps outside text in a message short.
func clip(text string) string {
	const enough = 64
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "..."
}
