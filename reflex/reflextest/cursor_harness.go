package reflextest

import (
	"strconv"
	"testing"
	"time"

	"github.com/kreflex/kreflex/reflex"
)

// CursorStoreHarness tells RunCursorStoreTests how to make a cursor store and
// what it can do. The zero value of each answer is "cannot".
type CursorStoreHarness struct {
	// New returns a backend without cursors that nobody else uses. It is called
	// once per case and releases what it holds by tb.Cleanup. Required.
	New func(tb testing.TB) CursorBackend

	// StringCursors says that a cursor may be any text. Otherwise it has to be
	// a decimal number, as the ID of an event in Kafka.
	StringCursors bool
	// ReadYourWrites says that GetCursor returns what was set on the same store
	// before it is flushed.
	ReadYourWrites bool
	// Monotonic says that a cursor never goes back: an older one than the
	// newest that was set is refused with an error or ignored. The store must
	// compare cursors as numbers.
	Monotonic bool

	// Same reports whether a cursor that was returned is the one that was set.
	// It is for stores that add to a cursor, such as what log it belongs to.
	// Defaults to equality.
	Same func(set, got string) bool

	// Timeout is how long to wait for what must happen. Defaults to 30 s.
	Timeout time.Duration
	// Prompt is how soon what was cancelled must end. Defaults to 2 s.
	Prompt time.Duration
}

// CursorBackend is a place for cursors and a store on it. A function that is
// nil is something it cannot do.
type CursorBackend struct {
	// Store is what is tested. Required. As Run does, cases call GetCursor of a
	// consumer before they set its cursor.
	Store reflex.CursorStore

	// Reopen returns another store on the same backend, as another process
	// would have it. The first is still open; cases don't use it any more.
	Reopen func(tb testing.TB) reflex.CursorStore

	// Stall makes the backend stop answering the store until resume is called.
	// Both return once that is so.
	Stall func(tb testing.TB) (resume func())
}

// RunCursorStoreTests checks a reflex.CursorStore against the contract, each
// case as a subtest with a backend of its own.
func RunCursorStoreTests(t *testing.T, h CursorStoreHarness) {
	t.Helper()
	h = h.withDefaults()
	for _, c := range cursorStoreCases() {
		t.Run(c.name, func(t *testing.T) { c.check(t, h.env) })
	}
}

func (h CursorStoreHarness) withDefaults() CursorStoreHarness {
	if h.Timeout == 0 {
		h.Timeout = defaultTimeout
	}
	if h.Prompt == 0 {
		h.Prompt = defaultPrompt
	}
	if h.Same == nil {
		h.Same = func(set, got string) bool { return set == got }
	}
	return h
}

// cursor returns the nth of a growing sequence of cursors. As the numbers are
// not padded, they don't grow as text.
func cursor(n int) string { return strconv.Itoa(n) }
