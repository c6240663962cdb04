package kafkastream

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"unsafe"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/reflex"
)

// batch is what the fetcher hands to Recv at once.
type batch struct {
	events []reflex.Event
	head   bool  // nothing more was there after Recv began
	err    error // that ends the stream behind the events
}

// batchDecoder makes events of records, for one stream.
type batchDecoder struct {
	decode Decoder
	inc    *incarnation
	epoch  int32 // of the record before
}

func newBatchDecoder(decoder Decoder, inc *incarnation) *batchDecoder {
	if decoder == nil {
		decoder = newEnvelopeDecoder().decode
	}
	return &batchDecoder{decode: decoder, inc: inc, epoch: unknownEpoch}
}

var errDecoderPanic = errors.New("decoder panicked", j.C("ERR_5b3f71ce0ad9824f"))

// events decodes records up to the first that can't be. The memory of all
// events is one piece, and so is that of their IDs.
func (d *batchDecoder) events(records []*kgo.Record) (res batch) {
	res.events = make([]reflex.Event, len(records))
	ids := newIDs(records)
	done := 0
	defer func() {
		if reason := recover(); reason != nil {
			// The fetcher's goroutine is not one that a caller of Recv could
			// protect.
			err := errors.Wrap(errDecoderPanic, fmt.Sprint(reason), j.KS("stack", string(debug.Stack())))
			res.events = res.events[:done]
			res.err = decodeError(records[done], err)
		}
	}()
	for i, r := range records {
		if r.LeaderEpoch != d.epoch {
			d.epoch = r.LeaderEpoch
			d.inc.note(r.Offset, r.LeaderEpoch)
		}
		e := &res.events[i]
		id := ids.add(r.Offset)
		e.ID = id
		if err := d.decode(r, e); err != nil {
			res.events = res.events[:i]
			res.err = decodeError(r, err)
			return res
		}
		e.ID = id // a decoder may have replaced the whole event
		done++
	}
	return res
}

func decodeError(r *kgo.Record, cause error) error {
	return &Error{
		Kind: ErrDecode, Topic: r.Topic, Partition: r.Partition,
		Asked:  fmt.Sprintf("the event at offset %d", r.Offset),
		Do:     fmt.Sprintf("use a decoder that knows the record, or set the cursor to %q to go on behind it", strconv.FormatInt(r.Offset, 10)),
		Offset: r.Offset, Start: unknown, End: unknown, Cause: cause,
	}
}

// idSlab writes offsets in decimal into one piece of memory.
type idSlab struct {
	text []byte // of all IDs so far, with room for the others
	last int64  // the offset before, -2 at first, as nothing comes after that
	size int    // of its text
}

// newIDs returns a slab for records, the last of which has the longest ID.
func newIDs(records []*kgo.Record) idSlab {
	var longest [20]byte
	size := len(strconv.AppendInt(longest[:0], records[len(records)-1].Offset, 10))
	return idSlab{text: make([]byte, 0, size*len(records)), last: -2}
}

// add returns the ID for an offset. Offsets must not fall.
func (s *idSlab) add(offset int64) string {
	start := len(s.text)
	if offset == s.last+1 && s.size > 0 && s.text[start-1] != '9' {
		// Nine times of ten only the last digit changes.
		s.text = append(s.text, s.text[start-s.size:]...)
		s.text[len(s.text)-1]++
	} else {
		s.text = strconv.AppendInt(s.text, offset, 10)
		s.size = len(s.text) - start
	}
	s.last = offset
	// Safe, as these bytes are not written to again, and the room was made for
	// all, so that they don't move.
	return unsafe.String(&s.text[start], len(s.text)-start)
}
