package reflextest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
)

// cursorStoreCases returns the whole contract of a cursor store.
func cursorStoreCases() []testCase[*cursorEnv] {
	return []testCase[*cursorEnv]{
		{
			name:     "no cursor is empty",
			contract: `A consumer without a cursor is at "", which is no error.`,
			run: func(e *cursorEnv) {
				s := e.store()
				require.Empty(e.tb, s.get("consumer"))
				s.set("consumer", cursor(1))
				s.flush()
				require.Empty(e.tb, s.get("somebody else"))
			},
		},
		{
			name:     "a cursor is kept",
			contract: "After Flush, a consumer is at the cursor that was set.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				s.set("consumer", cursor(7))
				s.flush()
				s.requireFlushed(map[string]string{"consumer": cursor(7)})
			},
		},
		{
			name:     "zero is a cursor",
			contract: `"0" is a cursor like any other, and not the same as none.`,
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				s.set("consumer", "0")
				s.flush()
				s.requireFlushed(map[string]string{"consumer": "0"})
			},
		},
		{
			name:     "a cursor not flushed is old or new",
			contract: "Before Flush, a consumer is at the cursor that was set or at the one before, never elsewhere.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				s.set("consumer", cursor(5))
				s.flush()
				s.set("consumer", cursor(6))
				got := s.get("consumer")
				require.Truef(e.tb, e.h.Same(cursor(5), got) || e.h.Same(cursor(6), got), "the consumer is at %q", got)
			},
		},
		{
			name:     "reads its own writes",
			contract: "A cursor that was set is returned by the same store without a Flush.",
			needs:    needsOf(needReadYourWrites),
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				for i := range 20 {
					s.set("consumer", cursor(i))
					s.requireAt("consumer", cursor(i))
				}
			},
		},
		{
			name:     "the last of many sets wins",
			contract: "However many cursors were set, after Flush the consumer is at the last.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				for round := range 5 {
					for i := range 200 {
						s.set("consumer", cursor(round*200+i))
					}
					s.flush()
					s.requireAt("consumer", cursor(round*200+199))
				}
				s.requireFlushed(map[string]string{"consumer": cursor(999)})
			},
		},
		{
			name:     "cursors grow as numbers",
			contract: "A longer number is a newer cursor, though it may come first as text.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				for _, c := range []string{"8", "9", "10", "99", "100", "101", "9223372036854775807"} {
					s.set("consumer", c)
					s.flush()
					s.requireAt("consumer", c)
				}
				s.requireFlushed(map[string]string{"consumer": "9223372036854775807"})
			},
		},
		{
			name:     "a cursor never goes back",
			contract: "An older cursor than the newest set is refused or ignored, and never stored.",
			needs:    needsOf(needMonotonic),
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				s.set("consumer", cursor(10))
				s.flush()
				for _, older := range []int{9, 2, 0} {
					s.setRefusable("consumer", cursor(older))
					s.requireAt("consumer", cursor(10))
				}
				// Nor one that is newer than what is flushed, but not than what is set.
				s.set("consumer", cursor(20))
				s.setRefusable("consumer", cursor(15))
				s.requireAt("consumer", cursor(20))
				s.set("consumer", cursor(100))
				s.flush()
				s.requireFlushed(map[string]string{"consumer": cursor(100)})
			},
		},
		{
			name:     "cursors are any text",
			contract: "A cursor is opaque to the store and comes back as it was.",
			needs:    needsOf(needStringCursors),
			run: func(e *cursorEnv) {
				s := e.store()
				want := make(map[string]string)
				for i, c := range []string{
					"a", " ", "key|17|4096", "key|eof", "007", "-1", "1.5", "été 訂單 🧾", `{"a":1}`, strings.Repeat("long", 250),
				} {
					name := fmt.Sprint("consumer ", i)
					s.get(name)
					s.set(name, c)
					want[name] = c
				}
				s.flush()
				s.requireFlushed(want)
			},
		},
		{
			name:     "names are independent",
			contract: "Consumers of different names have different cursors, whatever the names look like.",
			run: func(e *cursorEnv) {
				s := e.store()
				want := make(map[string]string)
				for i, name := range []string{
					"billing", "Billing", "billing ", " billing", "billing/0", "billing/orders/0", "billing%2F0", "billing%252F0",
					"billing+0", "billing 0", "billing?x=1#y", "billing_1_of_2", "été", "e\u0301te\u0301", "訂單 🧾", "a.b", "a..b", "..",
					`"quoted"`, `back\slash`, "tab\tand\nline", strings.Repeat("long name ", 30),
				} {
					require.Empty(e.tb, s.get(name), "consumer %q before its cursor was set", name)
					s.set(name, cursor(i+1))
					want[name] = cursor(i + 1)
				}
				s.flush()
				s.requireFlushed(want)
			},
		},
		{
			name:     "concurrent consumers",
			contract: "A store is safe for concurrent use: consumers don't disturb each other.",
			run: func(e *cursorEnv) {
				const consumers, sets = 16, 100
				s := e.store()
				errs := make([]error, consumers)
				within(e.tb, e.h.Timeout, "setting cursors", func() {
					var wg sync.WaitGroup
					for i := range consumers {
						wg.Go(func() { errs[i] = consume(e.tb.Context(), s, fmt.Sprint("consumer ", i), sets) })
					}
					wg.Wait()
				})
				require.NoError(e.tb, errors.Join(errs...))
				s.flush()
				want := make(map[string]string)
				for i := range consumers {
					want[fmt.Sprint("consumer ", i)] = cursor(sets - 1)
				}
				s.requireFlushed(want)
			},
		},
		{
			name:     "Flush while cursors are set",
			contract: "Flush may be called while cursors are set, and what was set before it is kept.",
			run: func(e *cursorEnv) {
				const flushes = 20
				s := e.store()
				s.get("consumer")
				last := 0
				var setErr, flushErr error
				within(e.tb, e.h.Timeout, "setting cursors and flushing", func() {
					var wg sync.WaitGroup
					flushed := make(chan struct{})
					wg.Go(func() {
						defer close(flushed)
						for range flushes {
							if flushErr = s.Flush(e.tb.Context()); flushErr != nil {
								return
							}
						}
					})
					wg.Go(func() {
						for setErr == nil {
							last++
							setErr = s.SetCursor(e.tb.Context(), "consumer", cursor(last))
							select {
							case <-flushed:
								return
							default:
							}
						}
					})
					wg.Wait()
				})
				require.NoError(e.tb, setErr, "SetCursor")
				require.NoError(e.tb, flushErr, "Flush")
				s.flush()
				s.requireFlushed(map[string]string{"consumer": cursor(last)})
			},
		},
		{
			name:     "Flush with nothing to do",
			contract: "Flush without a cursor set since the last is no error and changes nothing.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.flush()
				s.get("consumer")
				s.set("consumer", cursor(3))
				s.flush()
				s.flush()
				s.requireFlushed(map[string]string{"consumer": cursor(3)})
			},
		},
		{
			name:     "another store sees what was flushed",
			contract: "A cursor that was flushed is there for the next process, and can go on from there.",
			needs:    needsOf(needReopen),
			run: func(e *cursorEnv) {
				s := e.store()
				for i := range 5 {
					s.get("consumer")
					s.set("consumer", cursor(i))
					s.flush()
					next, ok := e.reopened()
					require.True(e.tb, ok)
					next.requireAt("consumer", cursor(i))
					s = next
				}
			},
		},
		{
			name:     "a done context",
			contract: "With a context that is done, each method returns soon, with or without its error.",
			run: func(e *cursorEnv) {
				s := e.store()
				s.get("consumer")
				s.set("consumer", cursor(1))
				s.flush()
				ctx, cancel := context.WithCancel(e.tb.Context())
				cancel()
				s.requirePrompt("GetCursor", func() (err error) {
					_, err = s.GetCursor(ctx, "consumer")
					return err
				})
				s.requirePrompt("SetCursor", func() error { return s.SetCursor(ctx, "consumer", cursor(2)) })
				s.requirePrompt("Flush", func() error { return s.Flush(ctx) })
				s.set("consumer", cursor(3))
				s.flush()
				s.requireFlushed(map[string]string{"consumer": cursor(3)})
			},
		},
		{
			name:     "Flush obeys its context",
			contract: "Flush to a backend that doesn't answer returns an error once its context is done; the cursor is kept and flushed later.",
			needs:    needsOf(needStall),
			run: func(e *cursorEnv) {
				const patience = 100 * time.Millisecond
				s := e.store()
				s.get("consumer")
				s.set("consumer", cursor(1))
				s.flush()

				resume := e.backend.Stall(e.tb)
				resumed := sync.OnceFunc(resume)
				defer resumed() // or the store may not close
				s.set("consumer", cursor(2))
				ctx, cancel := context.WithTimeout(e.tb.Context(), patience)
				defer cancel()
				var err error
				within(e.tb, e.h.Prompt+patience, "Flush, after its context was done,", func() { err = s.Flush(ctx) })
				require.Error(e.tb, err, "Flush to a backend that doesn't answer")

				resumed()
				eventually(e.tb, e.h.Timeout, "Flush to a backend that answers again", func() bool {
					var err error
					within(e.tb, e.h.Timeout, "Flush", func() { err = s.Flush(e.tb.Context()) })
					return err == nil
				})
				s.requireFlushed(map[string]string{"consumer": cursor(2)})
			},
		},
	}
}

// consume does what Run does with a store; it is for goroutines that may not
// end the test.
func consume(ctx context.Context, s store, name string, sets int) error {
	if _, err := s.GetCursor(ctx, name); err != nil {
		return err
	}
	for i := range sets {
		if err := s.SetCursor(ctx, name, cursor(i)); err != nil {
			return err
		}
	}
	return nil
}

// setRefusable sets and flushes a cursor, either of which may be an error.
func (s store) setRefusable(name, cursor string) {
	s.env.tb.Helper()
	within(s.env.tb, s.env.h.Timeout, "SetCursor and Flush", func() {
		_ = s.SetCursor(s.env.tb.Context(), name, cursor)
		_ = s.Flush(s.env.tb.Context())
	})
}

// requirePrompt requires that a call with a done context returns at once.
func (s store) requirePrompt(what string, f func() error) {
	s.env.tb.Helper()
	var err error
	within(s.env.tb, s.env.h.Prompt, what+" with a done context", func() { err = f() })
	if err != nil {
		require.Truef(s.env.tb, errors.Is(err, context.Canceled), "%s: want context.Canceled, got: %v", what, err)
	}
}
