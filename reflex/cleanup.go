package reflex

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// cleanupTimeout bounds closing the stream, and again flushing the store.
	// It is a part of ErrCleanupTimeout's text and of Run's documentation.
	cleanupTimeout = 10 * time.Second
	// flushTimeout is when the context of Flush ends. It is a little shorter,
	// for a store that obeys it can say what it was waiting for.
	flushTimeout = cleanupTimeout - 500*time.Millisecond
)

// CleanupError says that Run did not end cleanly. Buffered cursors may be lost, so
// some events may come again. Run's error carries it beside the reason why Run
// ended; errors.As finds it.
type CleanupError struct {
	// Close is the error of closing the stream, or nil.
	Close error
	// Flush is the error of flushing the cursor store, or nil.
	Flush error
}

var _ error = (*CleanupError)(nil)

// Error returns "close error: ...", "flush error: ...", or both.
func (e *CleanupError) Error() string {
	var parts []string
	if e.Close != nil {
		parts = append(parts, fmt.Sprintf("close error: %v", e.Close))
	}
	if e.Flush != nil {
		parts = append(parts, fmt.Sprintf("flush error: %v", e.Flush))
	}
	return strings.Join(parts, "; ")
}

// Unwrap returns the errors that are not nil.
func (e *CleanupError) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Close, e.Flush} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// joinCleanup returns the error of a run that ended with err and was cleaned up
// with these results. Nothing is added to err if both succeeded.
func joinCleanup(err, closeErr, flushErr error) error {
	if closeErr == nil && flushErr == nil {
		return err
	}
	cleanup := &CleanupError{Close: closeErr, Flush: flushErr}
	if err == nil {
		return cleanup
	}
	return &uncleanError{reason: err, cleanup: cleanup}
}

// uncleanError is the reason why a run ended, in front, and what was wrong with
// cleaning up after it. It is one line, unlike errors.Join.
type uncleanError struct {
	reason  error
	cleanup *CleanupError
}

func (e *uncleanError) Error() string   { return e.reason.Error() + "; " + e.cleanup.Error() }
func (e *uncleanError) Unwrap() []error { return []error{e.reason, e.cleanup} }

// closeStream closes the client if it can be closed.
func closeStream(client StreamClient) error {
	closer, ok := client.(io.Closer)
	if !ok {
		return nil
	}
	return bounded(closer.Close)
}

// flushStore flushes although the context may be done: what was consumed before
// that is done, and should not be done again.
func flushStore(ctx context.Context, store CursorStore) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return bounded(func() error { return store.Flush(ctx) })
}

// bounded runs fn in a goroutine of its own, as it may not look at any context,
// and leaves it behind after cleanupTimeout: a program that is to end must not hang
// for a broker that never answers.
func bounded(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		// A panic here could not be recovered from by the caller of Run.
		defer recoverTo(&err, "cleanup")
		err = fn()
	}()

	timer := time.NewTimer(cleanupTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return ErrCleanupTimeout
	}
}
