package kafkastream

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrUnknownType is the cause of a DecodeError at a record with a type that
// the decoder was given no EventType for. Add it to the decoder's types,
// even if the consumer then ignores it.
var ErrUnknownType = errors.New("event type is not among the types of the decoder", j.C("ERR_92a60e5cd81f4b36"))

// DecodeError says which record a decoder could not read and why. It is
// ErrDecode for errors.Is, and its cause as well.
type DecodeError struct {
	Topic     string
	Partition int32
	Offset    int64
	// Part is where in the record the trouble is, such as `header "t"`.
	Part string
	// Found is what is there, shortened; empty where nothing is.
	Found string
	// Err is the cause and never nil.
	Err error
}

// maxFound keeps a payload out of logs when somebody points a decoder at the
// wrong topic, and is enough to see what it is.
const maxFound = 64

func newDecodeError(r *kgo.Record, part string, found []byte, cause error) *DecodeError {
	return &DecodeError{
		Topic:     r.Topic,
		Partition: r.Partition,
		Offset:    r.Offset,
		Part:      part,
		Found:     string(found[:min(len(found), maxFound)]), // a copy: an error may outlive the batch
		Err:       cause,
	}
}

// Error names the record, the part of it and what was found there.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode the record at offset %d of %s/%d: %s: %v (found %q)",
		e.Offset, e.Topic, e.Partition, e.Part, e.Err, e.Found)
}

// Unwrap returns ErrDecode and the cause.
func (e *DecodeError) Unwrap() []error { return []error{ErrDecode, e.Err} }

// The causes that say all there is to say.
var (
	errMissing    = errors.New("is missing", j.C("ERR_7d0b8a51f3c64e29"))
	errNotDecimal = errors.New("is not a decimal integer", j.C("ERR_c1f59be2073d486a"))
)
