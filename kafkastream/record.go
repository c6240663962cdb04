package kafkastream

import (
	"context"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

const (
	// recordBytes is about what the record's batch takes. A broker sends that batch, however large.
	recordBytes = 64 << 10
	// recordWait is how long a broker waits for a record that it can't give out yet.
	recordWait = 250 * time.Millisecond
)

// Record reads the record of one event again, by the event's ID or a cursor at it. It returns
// the ID of the topic that the event is of as well, zero where the cluster has none.
//
// The record is nil, without an error, if the log no longer has it: retention, compaction or
// DeleteRecords removed it, the log was truncated, or the topic was deleted or created again since
// a stream of this Partition read from it. It is never another record at the same offset, as far as
// the identity is known: from the cursor, or from what the streams have read.
//
// It opens a connection and closes it again. The record shares memory with the batch
// that it was stored in. Record returns the errors of Stream, in as much time.
func (p *Partition) Record(ctx context.Context, id string) (*kgo.Record, [16]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, [16]byte{}, err
	}
	if p.invalid != nil {
		return nil, [16]byte{}, p.invalid
	}
	cursor, err := p.identify(id)
	if err != nil {
		return nil, [16]byte{}, err
	}
	client, err := p.newClient()
	if err != nil {
		return nil, [16]byte{}, err
	}
	defer client.Close()
	opening, cancel := context.WithTimeout(ctx, p.config.openTimeout)
	defer cancel()

	record, topicID, err := p.lookUp(opening, client, cursor)
	if isGone(err, cursor) {
		return nil, topicID, nil
	}
	if err != nil {
		return nil, [16]byte{}, p.openError(ctx, err)
	}
	return record, topicID, nil
}

// Decode returns the event of a record as a stream of this Partition would deliver it. It contacts
// nobody, and returns the decoder's error as the stream does: as an *Error that is ErrDecode.
//
// The event may share memory with the record.
func (p *Partition) Decode(record *kgo.Record) (*reflex.Event, error) {
	if p.invalid != nil {
		return nil, p.invalid
	}
	b := newBatchDecoder(p.config.decoder, newIncarnation([16]byte{})).events([]*kgo.Record{record})
	if b.err != nil {
		return nil, b.err
	}
	return &b.events[0], nil
}

// identify returns the cursor at an event, with the identity of the log that streams
// have read, if there was one.
func (p *Partition) identify(id string) (Cursor, error) {
	from, err := p.parseStart(p.Stamp()(id), reflex.StreamOptions{})
	if err != nil {
		return Cursor{}, err
	}
	if from.cursor == nil || from.cursor.Offset < 0 { // the start, and where an empty log starts
		e := p.error(ErrBadCursor)
		e.Asked, e.Do = "the record of an event without an ID", "give the ID that the stream gave to the event"
		return Cursor{}, e
	}
	return *from.cursor, nil
}

// lookUp returns the record at the cursor, or nil if there is none, and the ID of the topic that
// the cursor is of.
func (p *Partition) lookUp(ctx context.Context, client *kafka.Client, cursor Cursor) (*kgo.Record, [16]byte, error) {
	log, err := partition.Describe(ctx, client, p.topic, p.partition)
	if err != nil {
		return nil, cursor.TopicID, err
	}
	if err := p.sameTopic(cursor.TopicID, log.TopicID); err != nil {
		return nil, cursor.TopicID, err
	}
	// The cursor must be before the end and its event not before the start.
	for _, position := range []int64{cursor.Offset, cursor.Offset + 1} {
		if err := partition.VerifyRange(log, position); err != nil {
			return nil, log.TopicID, err
		}
	}
	if cursor.LeaderEpoch >= 0 && log.LeaderEpoch >= 0 {
		if err := partition.VerifyEpoch(ctx, client, log, cursor.LeaderEpoch, cursor.Offset+1); err != nil {
			return nil, log.TopicID, err
		}
	}
	record, err := fetchRecord(ctx, client, log, cursor.Offset)
	if record != nil && cursor.LeaderEpoch >= 0 && record.LeaderEpoch >= 0 && record.LeaderEpoch != cursor.LeaderEpoch {
		record = nil // the log was truncated, and has grown again
	}
	return record, log.TopicID, err
}

// fetchRecord returns the record at an offset in the range of the log, or nil if it was compacted
// away, is aborted, or is a marker.
func fetchRecord(ctx context.Context, client *kafka.Client, log partition.Log, offset int64) (*kgo.Record, error) {
	reader := partition.NewReader(client, log, offset, partition.Config{MaxBytes: recordBytes, MaxWait: recordWait})
	for {
		// So that it ends with ctx whatever kgo does. Who left the reader behind doesn't touch it again.
		answer, err := kafka.Do(ctx, client, reader.Fetch)
		if err != nil {
			return nil, err
		}
		if len(answer.Records) > 0 {
			if r := answer.Records[0]; r.Offset == offset {
				return r, nil
			}
			return nil, nil //nolint:nilnil // there is none, which is no error
		}
		if answer.Next > offset || answer.Stalled {
			return nil, nil //nolint:nilnil // there is none, which is no error
		}
	}
}

// isGone reports whether a record could not be read because the log doesn't have it any more.
func isGone(err error, cursor Cursor) bool {
	var fault *partition.Fault
	if !errors.As(err, &fault) {
		return false
	}
	switch fault.Kind {
	case partition.Expired, partition.Recreated, partition.Truncated:
		return true
	case partition.BeyondEnd, partition.UnknownTopic, partition.UnknownPartition:
		// Otherwise it may be a topic or an ID that never was.
		return cursor.TopicID != [16]byte{}
	default:
		return false
	}
}
