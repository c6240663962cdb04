package kafkastream

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// Decoder turns a record into an event.
//
// It fills Type, ForeignID, Timestamp, MetaData and Trace of e, which comes
// zeroed except for its ID: that is the stream's, and a Decoder must leave it
// alone. It must not keep r or e, but the event may alias the bytes of the
// record: they are never written to again.
//
// An error ends the stream at this record and is what Recv returns. The record is
// never skipped, as nobody could tell later that it was; a Decoder that wants to
// pass over a record decodes it to an event that the consumer ignores.
//
// A Decoder is called by many streams at the same time.
type Decoder func(r *kgo.Record, e *reflex.Event) error
