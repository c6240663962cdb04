package reflex

import "context"

// StreamFunc opens a stream of the events after the cursor. After is
// exclusive: the first event is the one that follows it, and "" is the start
// of the stream. WithStreamFromHead overrides it.
//
// A StreamFunc is safe for concurrent use; each call opens a stream of its own.
// It returns soon after ctx is done, and so does Recv of the stream.
type StreamFunc func(ctx context.Context, after string, opts ...StreamOption) (StreamClient, error)

// StreamClient is one open stream. It is for one goroutine.
//
// If it is also an io.Closer, Run closes it. Close may be called while the
// context of the stream is still live, must not wait for it, and may be
// called from another goroutine than Recv.
type StreamClient interface {
	// Recv blocks until the next event and returns it, or the error that
	// ended the stream. It never returns neither.
	Recv() (*Event, error)
}
