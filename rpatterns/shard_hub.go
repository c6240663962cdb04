package rpatterns

import (
	"context"
	"slices"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

// These are a part of the documentation of ParallelSpecs.
const (
	shardBufferEvents = 1024
	shardBufferBytes  = 8 << 20
)

// shardHub is a StreamFunc for the shards of one consumer, which all read the same events: those that
// run at the same time share one stream.
//
// Cursors are opaque, so nobody can tell which of two is further. A shard may join the shared stream if
// its cursor is the one that the stream was opened with, or the ID of an event that is still buffered. Otherwise it
// opens a stream of its own, and looks for the ID of each event it received there in the buffer. When it is found, it
// joins and closes its own stream.
type shardHub struct {
	open reflex.StreamFunc
	// bufferEvents and bufferBytes are how much of the shared stream is kept for those who are slower than
	// the fastest.
	bufferEvents, bufferBytes int64

	// mu is for the hub, its shared stream, and where each client is in it. It is held
	// shortly, never for a call that is not ours.
	mu      sync.Mutex
	current *sharedStream // nil if there is none to join
}

func newShardHub(open reflex.StreamFunc) *shardHub {
	return &shardHub{open: open, bufferEvents: shardBufferEvents, bufferBytes: shardBufferBytes}
}

// stream is the StreamFunc of the shards.
func (h *shardHub) stream(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	options := reflex.ResolveOptions(opts...)
	if options.StreamFromHead || options.StreamToHead {
		// Its head is that of this moment, or of that when it gets there. The shared stream, which is read ahead,
		// would tell that of another.
		return h.open(ctx, after, opts...)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &shardClient{
		hub: h, ctx: ctx, cancel: cancel,
		opts: slices.Clone(opts), options: options,
		last: after,
	}
	if err := c.start(); err != nil {
		_ = c.Close() // the error is why it could not be opened
		return nil, err
	}
	return c, nil
}

// join makes the client a reader of the shared stream, at the place after the cursor, and returns
// that stream. If there is none it is opened. It returns nil if the cursor's place in the shared stream is not known.
func (h *shardHub) join(c *shardClient, after string) *sharedStream {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.current
	if s == nil {
		s = newSharedStream(h, c, after)
		h.current = s
		s.add(c, 0)
		go s.run()
		return s
	}
	if s.options != c.options {
		return nil
	}
	pos, ok := s.position(after)
	if !ok {
		return nil
	}
	s.add(c, pos)
	return s
}
