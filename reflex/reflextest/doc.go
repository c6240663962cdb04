// Package reflextest is the contract of reflex as test suites: RunStreamTests
// for any reflex.StreamFunc and RunCursorStoreTests for any
// reflex.CursorStore. A backend's own test is a harness and one call:
//
//	func TestContract(t *testing.T) {
//		reflextest.RunStreamTests(t, reflextest.StreamHarness{
//			New:    func(tb testing.TB) reflextest.Source { ... },
//			Live:   true,
//			ToHead: true,
//		})
//	}
//
// A harness is a struct of functions and answers. What it leaves out is
// something the backend cannot do: the cases that need it are reported as
// skipped, with the reason. Read the skips of a new harness once, as a
// capability forgotten is a promise untested.
//
// # Guarantees
//
// Each case is a subtest on a backend of its own, made by New, and carries the
// sentence of the contract that it checks; the sentence is logged when the
// case fails. Cases run one after another.
//
// Nothing waits for ever, whatever the backend does: what must happen has
// Timeout to do so, and what must end at once has Prompt. A call that doesn't
// return by then fails the case and is abandoned with its goroutine.
//
// What is acknowledged to Append must be visible to a stream opened later, but
// the commit of a transaction may return before its events are visible, as it
// does with Kafka. Cases poll for these.
//
// # Non-guarantees
//
// A suite that passes shows that the contract holds on good days. Faults of
// the backend, its speed, and its own errors are for its own tests.
//
// # Errors
//
// Cases ask for a certain error only where reflex defines it: ErrHeadReached,
// and that of a context, by errors.Is. Elsewhere any error will do that is
// neither of these.
//
// # Concurrency
//
// Cases call the backend from several goroutines where the contract allows it,
// so run the suites with the race detector.
package reflextest
