package migrate

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// The headers that a copied record has beside those of the envelope.
const (
	// HeaderSourceID is the header with the ID that the event had in its source. Each
	// copied record has it, and no other record may: it is how a copy finds
	// where to go on, and how cursors find the event they stand on.
	HeaderSourceID = "kreflex-source-id"

	// HeaderSourceTime is the header with the timestamp of the event in RFC 3339, where
	// the milliseconds of Kafka are too coarse for it. Decoder reads it.
	HeaderSourceTime = "kreflex-source-time"
)

// SourceID returns the ID that the event of a record had in the source it was
// copied from, and whether the record was copied.
func SourceID(r *kgo.Record) (id string, copied bool) {
	value, ok := header(r, HeaderSourceID)
	return string(value), ok && len(value) > 0
}

// Decoder returns a decoder that restores timestamps to the precision of the source,
// such as the microseconds of MySQL. Without it they are those of Kafka, in milliseconds.
// Everything else is for the next decoder; nil is the envelope.
//
//	orders := kafkastream.NewPartition(kafka, "orders", 0, kafkastream.WithDecoder(migrate.Decoder(nil)))
func Decoder(next kafkastream.Decoder) kafkastream.Decoder {
	if next == nil {
		next = kafkastream.Envelope()
	}
	return func(r *kgo.Record, e *reflex.Event) error {
		if err := next(r, e); err != nil {
			return err
		}
		restoreTime(r, e)
		return nil
	}
}

// restoreTime leaves the timestamp alone where the header is none or belies the record: it
// adds precision and must not be able to move an event in time.
func restoreTime(r *kgo.Record, e *reflex.Event) {
	value, ok := header(r, HeaderSourceTime)
	if !ok {
		return
	}
	exact, err := time.Parse(time.RFC3339Nano, string(value))
	if err != nil {
		return
	}
	if exact.IsZero() {
		e.Timestamp = time.Time{} // Kafka has no such time, so the record has that of the copy
		return
	}
	if exact.UnixMilli() == r.Timestamp.UnixMilli() {
		e.Timestamp = exact.UTC()
	}
}

// encode returns the record of an event of the source.
func encode(e *reflex.Event) (*kgo.Record, error) {
	r, err := kafkastream.Encode(e)
	if err != nil {
		return nil, err
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: HeaderSourceID, Value: []byte(e.ID)})
	if e.Timestamp.IsZero() || e.Timestamp.Nanosecond()%int(time.Millisecond) != 0 {
		text := e.Timestamp.UTC().AppendFormat(nil, time.RFC3339Nano)
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: HeaderSourceTime, Value: text})
	}
	return r, nil
}

// header returns the value of the last header of that name, as the envelope does.
func header(r *kgo.Record, name string) (value []byte, found bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}
