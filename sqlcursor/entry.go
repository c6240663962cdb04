package sqlcursor

import (
	"math"
	"time"
)

// Entry is a cursor as the table has it.
type Entry struct {
	Key Key
	// Cursor is its text, such as "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4". Empty means that the
	// consumer was reset to the start.
	Cursor string
	// Epoch counts how often the consumer was taken over.
	Epoch int64
	// Owner tells the Stores apart that took it over. It means nothing else.
	Owner string
	// Time is when the cursor was written, by the clock of the database.
	Time time.Time
	// Err says why the row is not that of a cursor, or is nil.
	Err error
}

// export makes an Entry for users.
func (s *Store) export(r row) Entry {
	e := Entry{Epoch: r.epoch, Owner: r.owner, Time: time.UnixMicro(r.micros).UTC()}
	decode := func(what, stored string, unescape func(string) (string, error)) string {
		text, err := unescape(stored)
		if err == nil {
			return text
		}
		if e.Err == nil {
			e.Err = s.corrupt(Key{Consumer: r.consumer, Topic: r.topic}, what+" "+clip(stored), err)
		}
		return stored
	}
	e.Key.Consumer = decode("consumer", r.consumer, unescapeKey)
	e.Key.Topic = decode("topic", r.topic, unescapeKey)
	e.Cursor = decode("cursor", r.cursor.String, unescape)
	if r.partition >= 0 && r.partition <= math.MaxInt32 {
		e.Key.Partition = int32(r.partition)
	} else if e.Err == nil {
		e.Err = s.corrupt(e.Key, "a partition that there can't be", nil)
	}
	if err := e.Key.valid(); err != nil && e.Err == nil {
		e.Err = s.corrupt(e.Key, "a key that is none", err)
	}
	return e
}
