package partition

import (
	"context"
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ahead is a fetch that was asked for before its turn, so that broker and network are at
// work while the answer before it is decoded and consumed.
type ahead struct {
	position int64
	leader   int32
	cancel   context.CancelFunc
	done     chan struct{} // closed when there is an answer
	resp     *kmsg.FetchResponse
	err      error
}

// ask returns the answer to a fetch at the position. One that was asked for ahead is taken
// if it is for that position and of the leader, and if it is no error: what
// went wrong earlier says less than asking now.
func (r *Reader) ask(ctx context.Context) (*kmsg.FetchResponse, error) {
	if a := r.ahead; a != nil {
		r.ahead = nil
		defer a.cancel()
		if a.position == r.next && a.leader == r.log.Leader {
			select {
			case <-a.done:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if a.err == nil {
				return a.resp, nil
			}
		}
	}
	return as[*kmsg.FetchResponse](r.cl.Broker(int(r.log.Leader)).Request(ctx, r.request(r.next)))
}

// askAhead asks for what comes behind the answer p, if p says that there is something. Where there
// is nothing yet, the fetch must begin in its turn: head is what one finds that began after Recv did.
//
// It is one answer of a bounded size, and not decoded before its turn, so it adds little
// to what a consumer holds that is stuck.
func (r *Reader) askAhead(p *kmsg.FetchResponseTopicPartition) {
	// Before the first answer is decoded nobody knows what the next would be in memory: a kilobyte may be a megabyte.
	if !r.cfg.Ahead || r.cfg.TargetBytes > 0 && !r.sizing.known {
		return
	}
	next := behind(p.RecordBatches)
	if next <= r.next || next >= p.LastStableOffset {
		return
	}
	a := &ahead{position: next, leader: r.log.Leader, done: make(chan struct{})}
	broker, req := r.cl.Broker(int(a.leader)), r.request(next)
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	asking := r.cl.Go(func(closing context.Context) {
		defer close(a.done)
		defer context.AfterFunc(closing, cancel)()
		a.resp, a.err = as[*kmsg.FetchResponse](broker.Request(ctx, req))
	})
	if !asking {
		cancel()
		return
	}
	r.ahead = a
}

// behind returns the offset behind the last whole batch, or -1 if there is none. It looks at
// headers only. Where a batch can't be used, decoding will find that, and the next
// position is another one.
func behind(batches []byte) int64 {
	next := int64(-1)
	for len(batches) >= batchHeader {
		length := int64(int32(binary.BigEndian.Uint32(batches[lengthAt:]))) + lengthAt + 4
		if length < batchHeader || length > int64(len(batches)) || batches[magicAt] != batchMagic {
			break
		}
		first := int64(binary.BigEndian.Uint64(batches))
		next = first + int64(int32(binary.BigEndian.Uint32(batches[lastOffsetDelta:]))) + 1
		batches = batches[length:]
	}
	return next
}
