package reflextest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCursorStoreSuiteCanBePassed(t *testing.T) { RunCursorStoreTests(t, memCursorHarness(none)) }

func TestCursorStoreSuiteTellsEveryDefect(t *testing.T) {
	requireTold(t, cursorDefects, cursorStoreCases(), func(d defect) func(testing.TB) *cursorEnv {
		h := memCursorHarness(d)
		h.Timeout, h.Prompt = impatience, brokenPrompt
		return h.withDefaults().env
	})
}

func TestEveryCursorStoreCaseCanFail(t *testing.T) {
	requireEachTold(t, cursorDefects, cursorStoreCases())
}

// A store may return more than was set, such as the log that the cursor is of.
func TestSameDecidesWhatCursorsAreEqual(t *testing.T) {
	h := memCursorHarness(none)
	h.Same = func(set, got string) bool { return set == "7" && got == "7@log" || set == got }
	e := h.withDefaults().env(t)
	s := e.store()
	s.set("consumer", "7@log")
	s.requireAt("consumer", "7")

	require.True(t, record(t, func(tb testing.TB) {
		tb.Helper()
		e := memCursorHarness(none).withDefaults().env(tb)
		e.store().set("consumer", "7@log")
		e.store().requireAt("consumer", "7")
	}).Failed())
}
