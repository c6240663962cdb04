package reflex

import "context"

// CursorStore keeps the cursors of consumers. It is safe for concurrent use.
type CursorStore interface {
	// GetCursor returns the consumer's cursor, or "" if it has none yet.
	GetCursor(ctx context.Context, consumerName string) (string, error)

	// SetCursor stores the consumer's cursor. It may only be called after
	// all events up to the cursor were consumed. A store may buffer it:
	// losing a buffered cursor repeats events, and never loses one.
	SetCursor(ctx context.Context, consumerName string, cursor string) error

	// Flush returns when all buffered cursors are durable, or with the error
	// that keeps them from it. It obeys its context.
	Flush(ctx context.Context) error
}
