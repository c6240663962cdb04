package reflex

import "time"

// StreamOptions are the resolved options of a stream, for those who write a
// StreamFunc: see ResolveOptions.
type StreamOptions struct {
	// Lag holds every event back until it is this old. 0 is no lag.
	Lag time.Duration
	// StreamFromHead starts at the head of the stream instead of the cursor:
	// only events that become visible after the StreamFunc was called.
	StreamFromHead bool
	// StreamToHead ends the stream with ErrHeadReached as soon as no more
	// events are available.
	StreamToHead bool
}

// StreamOption sets an option of a stream.
type StreamOption func(*StreamOptions)

// WithStreamFromHead starts the stream at its head, whatever the cursor.
func WithStreamFromHead() StreamOption {
	return func(o *StreamOptions) { o.StreamFromHead = true }
}

// WithStreamToHead ends the stream with ErrHeadReached when no more events
// are available, which may be at once.
func WithStreamToHead() StreamOption {
	return func(o *StreamOptions) { o.StreamToHead = true }
}

// WithStreamLag delays every event until it is d old.
func WithStreamLag(d time.Duration) StreamOption {
	return func(o *StreamOptions) { o.Lag = d }
}

// ResolveOptions applies the options in order and returns the result.
func ResolveOptions(options ...StreamOption) StreamOptions {
	var res StreamOptions
	for _, option := range options {
		option(&res)
	}
	return res
}
