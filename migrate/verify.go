package migrate

import (
	"bytes"
	"context"
	"fmt"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/reflex"
)

// verify returns an error unless the target is empty or the source has, in its place, the event
// copied last: to go on with another source would mix two orders of IDs.
func (c *copier) verify(ctx context.Context, t tail) error {
	if err := t.check(c.topic, c.partition); err != nil {
		return err
	}
	if t.last == nil || c.config.trustSource {
		return nil
	}
	after := ""
	if t.before != nil {
		after = t.before.sourceID
	} else if t.offsets.Start > 0 {
		return nil // what came before it is not known any more
	}
	bounded, cancel := context.WithTimeout(ctx, c.config.timeout)
	defer cancel()
	got, err := c.first(bounded, after)
	mismatch := &Error{
		Kind: ErrSourceMismatch, Topic: c.topic, Partition: c.partition,
		Asked: fmt.Sprintf("event %s, which is at offset %d", quote(t.last.sourceID), t.last.offset),
		Do:    "copy from the source that the target was begun with; WithoutSourceCheck if it is, and has changed or dropped that event",
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		// It may be slow, or know no head and wait for more: that is no proof.
		return &Error{
			Kind: ErrInterrupted, Topic: c.topic, Partition: c.partition, Asked: mismatch.Asked + ", of the source",
			Found: "none within " + c.config.timeout.String(),
			Do:    "see whether the source works, and understands WithStreamToHead; WithoutSourceCheck if it does not",
		}
	case reflex.IsHeadReachedErr(err):
		mismatch.Found = fmt.Sprintf("nothing after %s in the source", quote(after))
		return mismatch
	default:
		return c.sourceError(ctx, err)
	}
	if got.ID != t.last.sourceID {
		mismatch.Found = fmt.Sprintf("event %s after %s in the source", quote(got.ID), quote(after))
		return mismatch
	}
	if what := difference(got, &t.last.event); what != "" {
		mismatch.Found = "another " + what + " under that ID in the source"
		return mismatch
	}
	return nil
}

// first returns the first event of the source after a cursor.
func (c *copier) first(ctx context.Context, after string) (*reflex.Event, error) {
	stream, err := c.source(ctx, after, reflex.WithStreamToHead())
	if err != nil {
		return nil, err
	}
	e, err := stream.Recv()
	if err == nil && e == nil {
		err = reflex.ErrNoEvent
	}
	if err == nil {
		e = e.Clone() // its memory is the stream's
	}
	return e, errors.Join(err, closeStream(stream))
}

// difference names what differs between an event of the source and the copied one. The trace
// is not compared: sources may keep it for a while only.
func difference(source, copied *reflex.Event) string {
	switch {
	case typeOf(source) != typeOf(copied):
		return "type"
	case source.ForeignID != copied.ForeignID:
		return "foreign id"
	case !source.Timestamp.Equal(copied.Timestamp):
		return "timestamp"
	case !bytes.Equal(source.MetaData, copied.MetaData), (source.MetaData == nil) != (copied.MetaData == nil):
		return "metadata"
	}
	return ""
}

func typeOf(e *reflex.Event) (number int) {
	if e.Type == nil {
		return noType
	}
	return e.Type.ReflexType()
}

// noType is no type that anybody has.
const noType = -1 << 62
