package testmock_test

import (
	"fmt"
	"runtime"
	"testing"
)

type eventType int

func (t eventType) ReflexType() int { return int(t) }

// failing is a test that notes with what it was failed.
type failing struct {
	testing.TB
	fatal string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// fatal returns with what fn failed its test, or "" if it didn't.
func fatal(t *testing.T, fn func(tb testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(f)
	}()
	<-done
	return f.fatal
}
