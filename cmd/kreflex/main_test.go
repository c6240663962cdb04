package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timeout is generous: it only ends what would hang.
const timeout = 30 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// output is a writer that a test may read while a command writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	told chan struct{} // after each write
}

func newOutput() *output { return &output{told: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.told <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor returns when the output contains the text so many times.
func (o *output) waitFor(ctx context.Context, t *testing.T, text string, times int) {
	t.Helper()
	for strings.Count(o.String(), text) < times {
		select {
		case <-o.told:
		case <-ctx.Done():
			t.Fatalf("no %q, %d times, in:\n%s", text, times, o)
		}
	}
}

// kreflex runs the program in this process.
func kreflex(ctx context.Context, in string, args ...string) (code exitCode, out, err *output) {
	out, err = newOutput(), newOutput()
	code = run(ctx, args, stdio{in: strings.NewReader(in), out: out, err: err})
	return code, out, err
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}
