package kafkatest

import "github.com/luno/jettison/errors"

// TB is the part of testing.TB that Start needs. It keeps the testing package
// out of programs that embed a broker.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start starts a broker that is closed at the end of the test, and fails the
// test if it can't. As cleanups run in reverse order, clients that the test
// closes by Cleanup after Start are closed before the broker.
func Start(tb TB, opts ...Option) *Broker {
	tb.Helper()
	b, err := New(opts...)
	if err != nil {
		// The text of an error leaves out its key-values, and nobody logs them here.
		tb.Fatalf("start the embedded broker: %v %v", err, errors.GetKeyValues(err))
		return nil // where a TB of the caller's own doesn't end the goroutine
	}
	tb.Cleanup(b.Close)
	return b
}
