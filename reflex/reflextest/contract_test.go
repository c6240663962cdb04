package reflextest_test

import (
	"context"
	"io"
	"strconv"
	"sync"
	"testing"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

// A mock stream has a fixed list, so each stream gets the list that was
// appended before it was opened.
func TestMockStreamKeepsTheContract(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New: func(testing.TB) reflextest.Source {
			var mu sync.Mutex
			var events []*reflex.Event
			return reflextest.Source{
				Append: func(_ context.Context, more ...reflex.Event) ([]string, error) {
					mu.Lock()
					defer mu.Unlock()
					ids := make([]string, len(more))
					for i, event := range more {
						event.ID = strconv.Itoa(len(events))
						ids[i] = event.ID
						events = append(events, &event)
					}
					return ids, nil
				},
				Stream: func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
					mu.Lock()
					defer mu.Unlock()
					return reflex.NewMockStream(events, io.EOF)(ctx, after, opts...)
				},
			}
		},
		Cancel:             true,
		IntegerIDs:         true,
		BadCursors:         []string{"x", "1.5"},
		TimestampPrecision: 1,
		BinaryForeignIDs:   true,
		EmptyMetaData:      true,
		Trace:              true,
	})
}
