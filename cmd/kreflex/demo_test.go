package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkatest"
)

func TestDemoCrashesResumesAndKeepsItsPromises(t *testing.T) {
	code, out, stderr := kreflex(bounded(t), "", "demo", "--generate", "2000", "--rate", "2000")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, 2000, number(t, out, "published"))
	require.Equal(t, 2000+number(t, out, "redelivered"), number(t, out, "consumed"))
	require.Positive(t, number(t, out, "redelivered"), "the crash lost no cursor at all:\n%s", out)
	require.Zero(t, number(t, out, "lost"))
	require.Contains(t, out.String(), "CRASH after 1 000 events")
	require.Contains(t, out.String(), "All promises were kept.")
}

func TestDemoShowsEachEventOfASlowStream(t *testing.T) {
	in := `{"type":1,"foreign_id":"order-1","metadata":{"city":"東京"}}
{"type":2,"foreign_id":"order-1"}`
	code, out, stderr := kreflex(bounded(t), in, "demo", "--file", "-", "--rate", "20")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out.String(), `event 0: type 1 of order-1 {"city":"東京"}`)
	require.Contains(t, out.String(), "event 1: type 2 of order-1")
	require.Equal(t, 2, number(t, out, "published"))
}

func TestDemoTakesOneEvent(t *testing.T) {
	code, out, stderr := kreflex(bounded(t), `{"type":1,"foreign_id":"a"}`, "demo", "--file", "-")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, 1, number(t, out, "consumed"))
}

func TestDemoReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(path, []byte(`{"type":1,"foreign_id":"a"}`+"\nnonsense"), 0o600))
	code, out, stderr := kreflex(bounded(t), "", "demo", "--file", path)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr.String(), "events.ndjson, line 2 is not an event")
	require.Empty(t, out.String(), "nothing was begun")

	code, _, stderr = kreflex(bounded(t), "", "demo", "--file", path+".missing")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr.String(), "no such file")
}

func TestDemoRefusesATopicThatExists(t *testing.T) {
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	code, _, stderr := kreflex(bounded(t), "", "demo", "--brokers", broker.Addrs()[0], "--topic", "orders", "--generate", "10")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr.String(), `the demo creates its topic "orders" itself`)
	require.NotNil(t, broker.Cluster().TopicInfo("orders"), "it was not the demo's to delete")
}

func TestDemoRemovesTheTopicsItCreated(t *testing.T) {
	broker := kafkatest.Start(t)
	code, out, stderr := kreflex(bounded(t), "", "demo", "--brokers", broker.Addrs()[0], "--generate", "10", "--rate", "1000")
	require.Equal(t, exitOK, code, stderr)
	topics := regexp.MustCompile(`events in topic (\S+), cursors in topic (\S+)\.`).FindStringSubmatch(out.String())
	require.Len(t, topics, 3)
	for _, topic := range topics[1:] {
		require.Nil(t, broker.Cluster().TopicInfo(topic), topic)
	}

	code, _, stderr = kreflex(bounded(t), "", "demo", "--brokers", broker.Addrs()[0], "--generate", "10", "--rate", "1000",
		"--topic", "kept", "--cursors", "kept-cursors", "--keep")
	require.Equal(t, exitOK, code, stderr)
	require.NotNil(t, broker.Cluster().TopicInfo("kept"))
	require.NotNil(t, broker.Cluster().TopicInfo("kept-cursors"))
}

func TestDemoSaysThatNobodyListens(t *testing.T) {
	code, _, stderr := kreflex(bounded(t), "", "demo", "--brokers", freeAddress(t), "--generate", "10")
	require.Equal(t, exitTransient, code)
	require.Contains(t, stderr.String(), "check that a broker listens there")
}

func TestDemoRefusesFlagsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"--generate", "-1"},
		{"--rate", "-1"},
		{"--kills", "0"},
		{"--flush-interval", "0s"},
		{"--slack", "-1s"},
		{"--generate", "1", "--file", "x"},
		{"--sample", "--generate", "1"},
		{"--nope"},
		{"extra"},
	} {
		code, _, stderr := kreflex(bounded(t), "", append([]string{"demo"}, args...)...)
		require.Equal(t, exitUsage, code, args)
		require.NotEmpty(t, stderr.String())
	}
}

// An interrupted demo has shown nothing, leaves nothing behind on the brokers, and
// does not keep the person waiting.
func TestInterruptedDemoTidiesUp(t *testing.T) {
	broker := kafkatest.Start(t)
	ctx, interrupt := context.WithCancel(bounded(t))
	defer interrupt()
	out, stderr, code := newOutput(), newOutput(), make(chan exitCode, 1)
	go func() {
		code <- run(ctx, []string{"demo", "--brokers", broker.Addrs()[0], "--topic", "events", "--sample", "--rate", "5"}, stdio{out: out, err: stderr})
	}()
	out.waitFor(bounded(t), t, "event 0: ", 1)
	interrupt()
	require.Equal(t, exitFailed, <-code)
	require.Contains(t, stderr.String(), "the demo was stopped before it could count")
	require.Nil(t, broker.Cluster().TopicInfo("events"))
}

func TestHelpNamesTheExitCodes(t *testing.T) {
	code, out, _ := kreflex(t.Context(), "", "consume", "--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out.String(), "Exit codes:")
	code, out, _ = kreflex(t.Context(), "", "--help")
	require.Equal(t, exitOK, code)
	require.NotContains(t, out.String(), "demo-worker")
}

// The consumer is a process of its own here and is killed with SIGKILL, so that
// nothing of it can tidy up.
func TestKilledConsumerLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	binary := filepath.Join(t.TempDir(), "kreflex")
	built, err := exec.CommandContext(bounded(t), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(built))

	const kills = 5
	out := newOutput()
	cmd := exec.CommandContext(bounded(t), binary, "demo", "--kill", "--kills", strconv.Itoa(kills), "--generate", "20000")
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Run(), out)
	require.Equal(t, 20000, number(t, out, "published"))
	require.Zero(t, number(t, out, "lost"))
	require.Equal(t, kills, strings.Count(out.String(), "\nkill "))
	require.Contains(t, out.String(), fmt.Sprintf("per crash, of %d ", kills))
}

// number returns a number of the demo's table.
func number(t *testing.T, out *output, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` +([\d ]+)$`).FindStringSubmatch(out.String())
	require.NotNil(t, found, "no %s in:\n%s", name, out)
	n, err := strconv.Atoi(strings.ReplaceAll(found[1], " ", ""))
	require.NoError(t, err)
	return n
}
