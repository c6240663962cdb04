package testmock

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kreflex/kreflex/reflex"
)

const (
	// awaitTimeout is how long a consumer is waited for.
	awaitTimeout = 15 * time.Second
	// awaitPeriod is between two looks at its cursor.
	awaitPeriod = 5 * time.Millisecond
)

// AwaitConsumer returns when the cursor of the consumer is at the event or past it. It fails the test, and ends it, if
// that takes more than 15 seconds, at an error of the store, and at a cursor that is not an
// integer. What follows @ in a cursor, as in those of kafkacursor, is not looked at.
//
// A consumer without a cursor has consumed nothing, also not the event 0. Call it from the
// test's goroutine.
func AwaitConsumer(tb testing.TB, cs reflex.CursorStore, consumerName string, eventID int64) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), awaitTimeout)
	defer cancel()
	ticker := time.NewTicker(awaitPeriod)
	defer ticker.Stop()

	seen := "its cursor was never read"
	for {
		cursor, err := cs.GetCursor(ctx, consumerName)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
			// The store obeys: it is told below.
		case err != nil:
			tb.Fatalf("consumer %q: get cursor error: %v", consumerName, err)
		case cursor == "":
			seen = "it has no cursor"
		default:
			id, err := cursorID(cursor)
			if err != nil {
				tb.Fatalf("consumer %q: its cursor %q is not that of an integer ID: %v", consumerName, cursor, err)
			}
			if id >= eventID {
				return
			}
			seen = "its cursor is " + strconv.Quote(cursor)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			tb.Fatalf("consumer %q has not consumed event %d within %s: %s", consumerName, eventID, awaitTimeout, seen)
		}
	}
}

// cursorID returns the ID of the event that the cursor names.
func cursorID(cursor string) (int64, error) {
	id, _, _ := strings.Cut(cursor, "@")
	return strconv.ParseInt(id, 10, 64)
}
