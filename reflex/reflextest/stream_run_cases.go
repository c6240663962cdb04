package reflextest

import (
	"context"
	"sync"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

// runCases are about a stream as reflex.Run uses it.
func runCases() []testCase[*streamEnv] {
	return []testCase[*streamEnv]{
		{
			name:     "Run resumes after what was consumed",
			contract: "A consumer that fails gets the same event again in the next Run, and no earlier one.",
			run: func(e *streamEnv) {
				ids := e.append(numbered(12)...)
				store := newCursors()
				failure := errors.New("the consumer fails")
				var consumed []string
				for begin := 0; begin < len(ids); begin += 3 {
					end := begin + 3
					consumer := consumerFunc(func(event *reflex.Event) error {
						if len(consumed) == end {
							return failure
						}
						consumed = append(consumed, event.ID)
						if len(consumed) == len(ids) {
							return failure // the last event, as nothing else ends this Run
						}
						return nil
					})
					var err error
					within(e.tb, e.h.Timeout, "Run", func() {
						err = reflex.Run(e.tb.Context(), reflex.NewSpec(e.src.Stream, store, consumer))
					})
					require.Truef(e.tb, errors.Is(err, failure), "want the consumer's error, got: %v", err)
					require.Equal(e.tb, ids[:end], consumed)
				}
				require.Equal(e.tb, ids[len(ids)-2], store.get(consumerName), "cursor of the last event that did not fail")
			},
		},
		{
			name:     "Run ends at head",
			contract: "Run to head consumes everything and returns ErrHeadReached; the next Run begins there.",
			needs:    needsOf(needToHead),
			run: func(e *streamEnv) {
				store := newCursors()
				var consumed, ids []string
				consumer := consumerFunc(func(event *reflex.Event) error {
					consumed = append(consumed, event.ID)
					return nil
				})
				for range 3 {
					ids = append(ids, e.append(numbered(4)...)...)
					var err error
					within(e.tb, e.h.Timeout, "Run", func() {
						err = reflex.Run(e.tb.Context(),
							reflex.NewSpec(e.src.Stream, store, consumer, reflex.WithStreamToHead()))
					})
					requireHead(e.tb, err)
					require.Equal(e.tb, ids, consumed)
				}
			},
		},
		{
			name:     "Run ends when it is cancelled",
			contract: "Run of a stream that waits ends soon after its context is cancelled, with the context's error.",
			needs:    needsOf(needCancel, needLive),
			run: func(e *streamEnv) {
				e.append(numbered(1)...)
				ctx, cancel := context.WithCancel(e.tb.Context())
				defer cancel()
				consumed := make(chan struct{})
				consumer := consumerFunc(func(*reflex.Event) error {
					close(consumed)
					return nil
				})
				var err error
				run := begin(func() { err = reflex.Run(ctx, reflex.NewSpec(e.src.Stream, newCursors(), consumer)) })
				within(e.tb, e.h.Timeout, "consuming the event", func() {
					select {
					case <-consumed:
					case <-run.done:
					}
				})
				if !run.blocks() {
					run.wait(e.tb, e.h.Timeout, "Run") // tells a panic
					require.FailNow(e.tb, "Run returned", "error: %v", err)
				}
				cancel()
				run.wait(e.tb, e.h.Prompt, "Run, after the context was cancelled,")
				require.Truef(e.tb, errors.Is(err, context.Canceled), "want context.Canceled, got: %v", err)
			},
		},
	}
}

const consumerName = "reflextest"

// consumerFunc is the least that Run takes as a consumer.
type consumerFunc func(event *reflex.Event) error

var _ reflex.Consumer = consumerFunc(nil)

func (consumerFunc) Name() string { return consumerName }

func (f consumerFunc) Consume(_ context.Context, event *reflex.Event) error { return f(event) }

// cursors is the least that Run takes as a cursor store.
type cursors struct {
	mu     sync.Mutex
	byName map[string]string
}

var _ reflex.CursorStore = (*cursors)(nil)

func newCursors() *cursors { return &cursors{byName: make(map[string]string)} }

func (c *cursors) get(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byName[name]
}

func (c *cursors) GetCursor(_ context.Context, name string) (string, error) { return c.get(name), nil }

func (c *cursors) SetCursor(_ context.Context, name, cursor string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName[name] = cursor
	return nil
}

func (*cursors) Flush(context.Context) error { return nil }
