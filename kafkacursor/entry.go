package kafkacursor

import (
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	headerEpoch = "epoch"
	headerOwner = "owner"

	// maxEpoch leaves room to count on from whatever a record says.
	maxEpoch = 1 << 53
)

// Entry is a cursor as the topic has it.
type Entry struct {
	Key Key
	// Cursor is its text, such as "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4". Empty means that the
	// consumer was reset to the start.
	Cursor string
	// Epoch is that of the ownership under which it was written, see the package
	// documentation. A record without is of epoch 0.
	Epoch int64
	// Owner tells the stores apart that wrote records. It means nothing else.
	Owner string
	// Time is when it was written, by the clock of the one who did.
	Time time.Time
	// Partition and Offset are where the record is in the topic of cursors.
	Partition int32
	Offset    int64
	// Err says why the record is not that of a cursor, or is nil.
	Err error
}

// entry is a record of the topic as far as it matters for choosing one.
type entry struct {
	text      string // of the key, as it is in the record
	cursor    string
	deleted   bool // a tombstone
	epoch     int64
	owner     string
	time      time.Time
	partition int32
	offset    int64
	fenced    bool   // written in a transaction: whoever had the cursor before is refused
	bad       string // what is wrong with the record, or empty
}

// decodeEntry reads a record. It copies what it keeps: the record's bytes are part
// of a whole fetch response.
func decodeEntry(r *kgo.Record) entry {
	e := entry{
		text: string(r.Key), cursor: string(r.Value), deleted: r.Value == nil,
		time: r.Timestamp, partition: r.Partition, offset: r.Offset,
		fenced: r.Attrs.IsTransactional(),
	}
	for _, h := range r.Headers {
		switch h.Key {
		case headerEpoch:
			epoch, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil || epoch < 0 || epoch > maxEpoch {
				e.bad = "a header epoch that is not one"
				continue
			}
			e.epoch = epoch
		case headerOwner:
			e.owner = string(h.Value)
		}
	}
	return e
}

// export makes an Entry for users.
func (e entry) export() Entry {
	out := Entry{
		Cursor: e.cursor, Epoch: e.epoch, Owner: e.owner, Time: e.time, Partition: e.partition, Offset: e.offset,
	}
	key, err := ParseKey(e.text)
	if err != nil {
		out.Key = Key{Consumer: e.text}
		out.Err = &Error{Kind: ErrCorruptEntry, Found: "a key that is none", Cause: err}
		return out
	}
	out.Key = key
	if e.bad != "" {
		out.Err = &Error{Kind: ErrCorruptEntry, Key: key, Found: e.bad, Do: "find out who wrote it, then Reset or Delete the cursor"}
	}
	return out
}

// newRecord makes a record of the topic. A nil value is a tombstone.
func newRecord(topic string, partition int32, key string, value []byte, epoch int64, owner string) *kgo.Record {
	return &kgo.Record{
		Topic: topic, Partition: partition, Key: []byte(key), Value: value,
		Headers: []kgo.RecordHeader{
			{Key: headerEpoch, Value: strconv.AppendInt(nil, epoch, 10)},
			{Key: headerOwner, Value: []byte(owner)},
		},
	}
}
