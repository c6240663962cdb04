package reflextest

import (
	"context"
	"testing"
	"time"

	"github.com/kreflex/kreflex/reflex"
)

// StreamHarness tells RunStreamTests how to make a source of events and what
// it can do. The zero value of each answer is "cannot".
type StreamHarness struct {
	// New returns a source without events that nobody else appends to. It is
	// called once per case and releases what it holds by tb.Cleanup. Required.
	New func(tb testing.TB) Source

	// Live says that a stream waits at its end and delivers what is appended
	// after it was opened. A source with a fixed list cannot.
	Live bool
	// FromHead says that WithStreamFromHead is honoured.
	FromHead bool
	// ToHead says that WithStreamToHead is honoured.
	ToHead bool
	// Lag says that WithStreamLag is honoured.
	Lag bool
	// Cancel says that the context of a stream ends it.
	Cancel bool
	// Closer says that stream clients are io.Closers.
	Closer bool

	// IntegerIDs says that IDs are decimal numbers that grow.
	IntegerIDs bool
	// BadCursors are texts that cannot be a cursor of a source that holds a
	// few events only: not of the right form, or far beyond its end.
	BadCursors []string

	// TimestampPrecision is how exactly the timestamp of an event is kept, a
	// millisecond for Kafka. 0 says that the source sets timestamps itself.
	TimestampPrecision time.Duration
	// BinaryForeignIDs says that a foreign ID may be any bytes. Without it only
	// UTF-8 text is tried.
	BinaryForeignIDs bool
	// EmptyMetaData says that metadata that is empty and metadata that is nil
	// come back as what they were.
	EmptyMetaData bool
	// Trace says that the trace of an event is kept.
	Trace bool

	// Timeout is how long to wait for what must happen. Defaults to 30 s.
	Timeout time.Duration
	// Prompt is how soon what was cancelled or closed must end, and how soon
	// head must be found on a stream without events. Defaults to 2 s.
	Prompt time.Duration
}

// Source is a stream of events and the ways to change it. A function that is
// nil is something the source cannot do. All are safe for concurrent use.
type Source struct {
	// Stream is what is tested. Required.
	Stream reflex.StreamFunc

	// Append adds events in this order and returns once they are visible to
	// streams opened later, with their IDs in the same order. It doesn't look
	// at the IDs of the events, nor keep their memory. It may be called while
	// streams are open only where the harness is Live. Required.
	Append func(ctx context.Context, events ...reflex.Event) (ids []string, err error)

	// BeginTx opens a transaction. Events of it are visible only once it is
	// committed, which may be a while after Commit returned.
	BeginTx func(ctx context.Context) (Tx, error)

	// Truncate removes all events older than the one with the given ID, as
	// retention does.
	Truncate func(ctx context.Context, before string) error
}

// Tx is an open transaction of a source. It ends by Commit or Abort, or is
// abandoned to the cleanup of the harness when a case failed.
type Tx struct {
	// Append adds events to the transaction and returns their IDs.
	Append func(ctx context.Context, events ...reflex.Event) (ids []string, err error)
	// Commit makes the events visible.
	Commit func(ctx context.Context) error
	// Abort drops the events.
	Abort func(ctx context.Context) error
}

// RunStreamTests checks a reflex.StreamFunc against the contract, each case as
// a subtest with a source of its own.
func RunStreamTests(t *testing.T, h StreamHarness) {
	t.Helper()
	h = h.withDefaults()
	for _, c := range streamCases() {
		t.Run(c.name, func(t *testing.T) { c.check(t, h.env) })
	}
}

func (h StreamHarness) withDefaults() StreamHarness {
	if h.Timeout == 0 {
		h.Timeout = defaultTimeout
	}
	if h.Prompt == 0 {
		h.Prompt = defaultPrompt
	}
	return h
}

// streamCases returns the whole contract of a stream.
func streamCases() []testCase[*streamEnv] {
	var cases []testCase[*streamEnv]
	for _, theme := range [][]testCase[*streamEnv]{
		cursorCases(), fieldCases(), liveCases(), headCases(), lagCases(), endCases(),
		transactionCases(), truncationCases(), runCases(),
	} {
		cases = append(cases, theme...)
	}
	return cases
}
