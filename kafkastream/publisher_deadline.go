package kafkastream

import (
	"context"
	"sync"
	"time"
)

// deadlines hands out contexts that bound the delivery of events. Neighbours in
// time share one, because a context per event would cost more than encoding it.
//
// kgo's own RecordDeliveryTimeout is of no use: it counts from the timestamp of
// the record, which is the event's. The caller's context isn't either: kgo
// fails everything that waits for a partition when the first event's context ends,
// other callers' events included.
type deadlines struct {
	base    context.Context
	timeout time.Duration

	mu    sync.Mutex
	ctx   context.Context
	until time.Time // ctx is handed out before this
}

// sharing is the fraction of the timeout in which events share a deadline, and
// so how much later than promised it may be.
const sharing = 16

func (d *deadlines) context() context.Context {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil || !now.Before(d.until) {
		d.until = now.Add(d.timeout / sharing)
		ctx, cancel := context.WithDeadline(d.base, d.until.Add(d.timeout))
		context.AfterFunc(ctx, cancel) // nobody knows when the last event is through with it
		d.ctx = ctx
	}
	return d.ctx
}
