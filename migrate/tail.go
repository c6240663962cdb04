package migrate

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// copied is a record of the target as far as it matters here.
type copied struct {
	offset   int64
	sourceID string // empty if no copy wrote it
	event    reflex.Event
}

// newTarget returns the target as a stream whose events have their source ID in the
// place of the trace: it is read with all that a stream does against skipping and
// for telling what is wrong.
func newTarget(kafkaOpts []kgo.Opt, topic string, partition int32) *kafkastream.Partition {
	envelope := Decoder(nil)
	return kafkastream.NewPartition(kafkaOpts, topic, partition, kafkastream.WithDecoder(func(r *kgo.Record, e *reflex.Event) error {
		id, isCopy := header(r, HeaderSourceID)
		if err := envelope(r, e); err != nil && isCopy {
			return err
		}
		e.Trace = id // of another's record, nothing
		return nil
	}))
}

// cursorBefore returns the cursor of a stream whose first event is at the offset or behind it.
func cursorBefore(offset int64) string {
	if offset <= 0 {
		return ""
	}
	return strconv.FormatInt(offset-1, 10)
}

// toHead calls fn with each record from an offset on, until the head or an error. Start is
// that of the log: a stream from there must not fail because retention moved it.
func toHead(ctx context.Context, target *kafkastream.Partition, from, start int64, fn func(copied) error) error {
	after := cursorBefore(from)
	if from <= start {
		after = ""
	}
	stream, err := target.Stream(ctx, after, reflex.WithStreamToHead())
	if err != nil {
		return err
	}
	defer func() { _ = closeStream(stream) }() // it has nothing to say
	for {
		e, err := stream.Recv()
		if reflex.IsHeadReachedErr(err) {
			return nil
		}
		if err != nil {
			return err
		}
		record, err := copiedOf(e)
		if err != nil {
			return err
		}
		if err := fn(record); err != nil {
			return err
		}
	}
}

func copiedOf(e *reflex.Event) (copied, error) {
	offset, err := strconv.ParseInt(e.ID, 10, 64)
	if err != nil {
		return copied{}, errors.Wrap(err, "offset of a record", j.KV("id", e.ID))
	}
	return copied{offset: offset, sourceID: string(e.Trace), event: *e}, nil
}

func closeStream(stream reflex.StreamClient) error {
	if closer, ok := stream.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// tail is the end of the target.
type tail struct {
	offsets      kafkastream.Offsets
	last, before *copied // nil if there is none
}

// tailRecords is how far before the end the last records are looked for at first: less than a batch of
// a producer's, which the broker sends as a whole anyway.
const tailRecords = 64

// readTail finds the last two records. Markers and what was aborted may be behind them.
func readTail(ctx context.Context, target *kafkastream.Partition) (tail, error) {
	offsets, err := target.Offsets(ctx)
	if err != nil {
		return tail{}, err
	}
	for back := int64(tailRecords); ; back *= 8 {
		res := tail{offsets: offsets}
		from := max(offsets.Start, offsets.LastStable-back)
		err := toHead(ctx, target, from, offsets.Start, func(r copied) error {
			r.event = *r.event.Clone() // or it keeps its batch in memory
			res.before, res.last = res.last, &r
			return nil
		})
		if err != nil {
			return tail{}, err
		}
		if res.before != nil || from == offsets.Start {
			return res, nil
		}
	}
}

// check returns an error unless the target is empty or its last records were copied.
func (t tail) check(topic string, partition int32) error {
	foreign := func(found string) error {
		return &Error{
			Kind: ErrForeignRecords, Topic: topic, Partition: partition, Found: found,
			Do: "copy into an empty partition; if those who publish have moved to the target already, there is nothing more to copy",
		}
	}
	for _, r := range []*copied{t.last, t.before} {
		if r != nil && r.sourceID == "" {
			return foreign(fmt.Sprintf("the record at offset %d without header %s", r.offset, HeaderSourceID))
		}
	}
	if t.last == nil && t.offsets.Start > 0 {
		return foreign(fmt.Sprintf("that the records before offset %d were deleted", t.offsets.Start))
	}
	return nil
}

// lastID returns the source ID that was copied last, or "" if there is none.
func (t tail) lastID() string {
	if t.last == nil {
		return ""
	}
	return t.last.sourceID
}

// settledTail reads the tail once all that was begun in the target has ended: after the takeover
// that takes as long as brokers need to write markers. A transaction that stays open is
// somebody else's, and could become anything.
func settledTail(ctx context.Context, target *kafkastream.Partition, topic string, partition int32, timeout time.Duration) (tail, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var pause kafka.Backoff
	for {
		t, err := readTail(bounded, target)
		if err == nil && t.offsets.LastStable == t.offsets.HighWatermark {
			return t, nil
		}
		if err == nil {
			err = pause.Wait(bounded)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return tail{}, ctx.Err()
		case bounded.Err() != nil && t.offsets.LastStable < t.offsets.HighWatermark:
			return tail{}, &Error{
				Kind: ErrForeignRecords, Topic: topic, Partition: partition,
				Found: fmt.Sprintf("an open transaction: last stable offset %d < high watermark %d", t.offsets.LastStable, t.offsets.HighWatermark),
				Do:    "stop whoever else writes to the target, or wait until the transaction has timed out",
			}
		case bounded.Err() != nil:
			return tail{}, failure(topic, partition, "the end of the target within "+timeout.String(), errSilent)
		default:
			return tail{}, err
		}
	}
}
