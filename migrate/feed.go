package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/kreflex/kreflex/reflex"
)

// item is an event of the source, ready to be written, or the end of the source.
type item struct {
	record    *kgo.Record
	sourceID  string
	timestamp time.Time
	weight    int64
	crowded   bool  // nothing but that there is no room for the next before some of these are written
	err       error // why nothing follows
}

// feed reads ahead of the writer while a transaction is under way, in one goroutine. It
// holds at most roomBytes and one batch of events.
type feed struct {
	topic     string
	partition int32
	items     chan item
	room      *semaphore.Weighted
	order     idOrder
}

func newFeed(topic string, partition int32, lastID string, events int) *feed {
	f := &feed{topic: topic, partition: partition, items: make(chan item, events), room: semaphore.NewWeighted(roomBytes)}
	if lastID != "" {
		_ = f.order.next(lastID) // the first is always right
	}
	return f
}

// run reads until the source ends or ctx is done. The last item has the error.
func (f *feed) run(ctx context.Context, stream reflex.StreamClient) {
	defer close(f.items)
	for {
		next := f.next(stream)
		if next.err == nil && !f.room.TryAcquire(next.weight) {
			// Or the writer would wait for a full batch, and this for the writer.
			if !f.hand(ctx, item{crowded: true}) || f.room.Acquire(ctx, next.weight) != nil {
				return
			}
		}
		if !f.hand(ctx, next) || next.err != nil {
			return
		}
	}
}

func (f *feed) hand(ctx context.Context, i item) bool {
	select {
	case f.items <- i:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *feed) next(stream reflex.StreamClient) item {
	e, err := stream.Recv()
	if err == nil && e == nil {
		err = reflex.ErrNoEvent
	}
	if err != nil {
		return item{err: err}
	}
	if wrong := f.order.next(e.ID); wrong != "" {
		return item{err: &Error{
			Kind: ErrSourceOrder, Topic: f.topic, Partition: f.partition, Found: wrong,
			Do: "copy a source that has each event once and in order; all that came before is copied",
		}}
	}
	// What the source does with the memory of its events is not known.
	record, err := encode(e.Clone())
	if err != nil {
		return item{err: errors.Wrap(err, fmt.Sprintf("event %s of the source", quote(e.ID)), j.KV("event_id", e.ID))}
	}
	record.Topic, record.Partition = f.topic, f.partition
	return item{record: record, sourceID: e.ID, timestamp: e.Timestamp, weight: min(weightOf(record), roomBytes)}
}

// recordOverhead is about what a record takes beside its bytes.
const recordOverhead = 256

func weightOf(r *kgo.Record) int64 {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return int64(n)
}

// batch is what goes into one transaction.
type batch struct {
	items  []item
	weight int64
	end    error // of the source, behind the items
}

// collect waits for an event and takes what else is there, up to a full batch. With fill it waits
// for a full batch or the end of the source: what is to be copied once needs few transactions, and not to be seen soon.
func (f *feed) collect(ctx context.Context, events int, fill bool) (batch, error) {
	var b batch
	for len(b.items) < events && b.weight < batchBytes && b.end == nil {
		next, there, err := f.take(ctx, fill || len(b.items) == 0)
		if err != nil {
			return b, err
		}
		if !there || next.crowded && len(b.items) > 0 {
			break
		}
		if !next.crowded {
			b.add(next)
		}
	}
	return b, nil
}

// take returns the next item, if there is one or it may wait for it.
func (f *feed) take(ctx context.Context, wait bool) (next item, there bool, err error) {
	if !wait {
		select {
		case next, open := <-f.items:
			return next, open, closedError(ctx, open)
		default:
			return item{}, false, nil
		}
	}
	select {
	case next, open := <-f.items:
		return next, open, closedError(ctx, open)
	case <-ctx.Done():
		return item{}, false, ctx.Err()
	}
}

// closedError is why the reader has gone without saying why.
func closedError(ctx context.Context, open bool) error {
	if open {
		return nil
	}
	return ctx.Err()
}

func (b *batch) add(i item) {
	if i.err != nil {
		b.end = i.err
		return
	}
	b.items = append(b.items, i)
	b.weight += i.weight
}

func (b *batch) records() []*kgo.Record {
	records := make([]*kgo.Record, len(b.items))
	for i := range b.items {
		records[i] = b.items[i].record
	}
	return records
}
