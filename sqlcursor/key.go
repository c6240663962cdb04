package sqlcursor

import (
	"fmt"
	"strconv"
)

// What the columns have room for, counted in bytes as escaped. An index of MySQL ends at 3072 bytes, and one of
// PostgreSQL at 2704.
const (
	maxConsumer = 1000
	maxTopic    = 255
	maxCursor   = 4096
	maxOwner    = 16
)

// Key says whose cursor it is, and in which log. It is comparable.
type Key struct {
	// Consumer is the name of the reflex consumer. It is never empty.
	Consumer string
	// Topic is that of the events. It is empty for a cursor that was set without For,
	// which says nothing of where it is a cursor in.
	Topic string
	// Partition is that of the events, and 0 where Topic is empty.
	Partition int32
}

// String returns the key as kafkacursor writes it, such as "billing/orders/0", or "billing"
// where there is no topic. The parts are escaped by url.PathEscape, so a slash in
// a name doesn't separate. Different keys have different strings.
func (k Key) String() string {
	if k.Topic == "" {
		return escape(k.Consumer)
	}
	return escape(k.Consumer) + "/" + escape(k.Topic) + "/" + strconv.FormatInt(int64(k.Partition), 10)
}

// valid returns an error for a key that no cursor can have.
func (k Key) valid() error {
	const do = "use a shorter name"
	switch {
	case k.Consumer == "":
		return &Error{Kind: ErrBadName, Asked: "the cursor of a consumer without a name", Do: "give the consumer a name"}
	case k.Partition < 0, k.Topic == "" && k.Partition != 0:
		return &Error{Kind: ErrBadKey, Key: k.clipped(), Asked: "a partition that there can't be", Do: "give a topic and count its partitions from 0"}
	case len(escape(k.Consumer)) > maxConsumer:
		return &Error{Kind: ErrBadKey, Key: k.clipped(), Asked: tooLong("a consumer's name", escape(k.Consumer), maxConsumer), Do: do}
	case len(escape(k.Topic)) > maxTopic:
		return &Error{Kind: ErrBadKey, Key: k.clipped(), Asked: tooLong("a topic's name", escape(k.Topic), maxTopic), Do: do}
	}
	return nil
}

func tooLong(what, text string, most int) string {
	return fmt.Sprintf("%s of %d bytes as escaped, where %d fit", what, len(text), most)
}

// clipped is for messages.
func (k Key) clipped() Key {
	k.Consumer, k.Topic = clip(k.Consumer), clip(k.Topic)
	return k
}
