//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/reflex"
)

func newExecutor(command string) (*executor, *output) {
	out := newOutput()
	return &executor{command: command, consumer: "billing", topic: "orders", partition: 3, out: out, err: out}, out
}

func someEvents() []*reflex.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	return []*reflex.Event{
		{ID: "7", Type: kind(1), ForeignID: "a", MetaData: []byte(`{"x":"<é>"}`), Timestamp: at},
		{ID: "9", ForeignID: "\xff\x00", MetaData: []byte("plain"), Timestamp: at},
	}
}

const firstLine = `{"id":"7","topic":"orders","partition":3,"timestamp":"2026-01-02T03:04:05.006Z","type":1,"foreign_id":"a","metadata":{"x":"<é>"}}` + "\n"

// requireText compares texts that begin with JSON but are more than that.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, strings.Split(want, "\n"), strings.Split(got, "\n"))
}

func TestCommandGetsTheEventOnItsInputAndInItsEnvironment(t *testing.T) {
	x, out := newExecutor(`cat; env | grep ^KREFLEX_ | sort`)
	require.NoError(t, x.take(t.Context(), someEvents()[:1]))
	requireText(t, firstLine+`KREFLEX_CONSUMER=billing
KREFLEX_COUNT=1
KREFLEX_FIRST_ID=7
KREFLEX_FOREIGN_ID=a
KREFLEX_ID=7
KREFLEX_LAST_ID=7
KREFLEX_PARTITION=3
KREFLEX_TIMESTAMP=2026-01-02T03:04:05.006Z
KREFLEX_TOPIC=orders
KREFLEX_TYPE=1
`, out.String())
}

func TestCommandGetsABatchAsLines(t *testing.T) {
	x, out := newExecutor(`cat; echo $KREFLEX_COUNT from $KREFLEX_FIRST_ID to $KREFLEX_LAST_ID, one is "'$KREFLEX_ID'"`)
	require.NoError(t, x.take(t.Context(), someEvents()))
	requireText(t, firstLine+
		`{"id":"9","topic":"orders","partition":3,"timestamp":"2026-01-02T03:04:05.006Z","type":null,"foreign_id_base64":"/wA=","metadata_base64":"cGxhaW4="}`+
		"\n2 from 7 to 9, one is ''\n", out.String())
}

// A foreign ID with a zero byte can't be in an environment. The command must
// run all the same: the event is whole on its standard input.
func TestForeignIDThatNoVariableCanHoldIsLeftOut(t *testing.T) {
	x, out := newExecutor(`echo ${KREFLEX_FOREIGN_ID-unset} ${KREFLEX_TYPE-unset}`)
	require.NoError(t, x.take(t.Context(), someEvents()[1:]))
	require.Equal(t, "unset unset\n", out.String())
}

func TestCommandNeedNotReadItsInput(t *testing.T) {
	x, _ := newExecutor("true")
	events := someEvents()[:1]
	events[0].MetaData = make([]byte, 1<<20)
	require.NoError(t, x.take(t.Context(), events))
}

func TestCommandThatFailsSaysWhichEventComesAgain(t *testing.T) {
	x, out := newExecutor("echo no funds >&2; exit 3")
	err := x.take(t.Context(), someEvents()[:1])
	require.EqualError(t, err, `command "echo no funds >&2; exit 3": exit status 3: the cursor stays before event 7`)
	require.Equal(t, exitCommand, exitCodeOf(err))
	require.Equal(t, "no funds\n", out.String())
}

// A shell that is killed alone leaves the command that it started behind, which
// would go on with the event while the next instance begins with it too. Here
// the shell's child tells its process id, and holds the standard output open.
func TestCommandIsKilledWithAllItStartedWhenItsTimeIsUp(t *testing.T) {
	x, out := newExecutor("sleep 1000 & echo child $! end; wait")
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- x.take(ctx, someEvents()[:1]) }()
	out.waitFor(bounded(t), t, "end", 1)
	began := time.Now()
	cancel()
	err := <-failed
	require.ErrorIs(t, err, errCommand)
	require.ErrorContains(t, err, "took longer than --grace")
	require.Less(t, time.Since(began), outputWait, "the child held the output open")

	var child int
	_, err = fmt.Sscanf(out.String(), "child %d end", &child)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return gone(child) }, timeout, time.Millisecond)
}

// gone reports whether a process has ended, if nobody may have waited for it.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestPrinterWritesEachBatchAtOnce(t *testing.T) {
	var writes []string
	p := &printer{out: writerFunc(func(b []byte) (int, error) { writes = append(writes, string(b)); return len(b), nil }), topic: "orders", partition: 3}
	require.NoError(t, p.take(t.Context(), someEvents()[:1]))
	require.Equal(t, []string{firstLine}, writes)
	require.NoError(t, p.take(t.Context(), someEvents()))
	require.Len(t, writes, 2)
	require.Equal(t, 2, strings.Count(writes[1], "\n"))
}

func TestPrinterThatCannotPrintLeavesTheCursor(t *testing.T) {
	p := &printer{out: writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }), topic: "orders", partition: 3}
	err := p.take(t.Context(), someEvents()[:1])
	require.ErrorIs(t, err, errCommand)
	require.ErrorContains(t, err, "the cursor stays before event 7")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
