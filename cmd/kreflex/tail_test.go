package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tailed is what tail printed, as partition and offset.
func tailed(t *testing.T, out *output) map[int32][]string {
	t.Helper()
	found := make(map[int32][]string)
	for line := range strings.Lines(out.String()) {
		var e eventJSON
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(t, "orders", e.Topic)
		found[*e.Partition] = append(found[*e.Partition], e.ID)
	}
	return found
}

func TestTailPrintsAllPartitionsInTheirOrder(t *testing.T) {
	k := newKeeping(t)
	before := k.written()
	all := map[int32][]string{0: {"0", "1", "2", "3", "4", "5"}, 1: {"0", "1", "2", "3"}}
	for _, c := range []struct {
		args []string
		want map[int32][]string
	}{
		{nil, all},
		{[]string{"--partition", "1,1"}, map[int32][]string{1: all[1]}},
		{[]string{"--from", "3"}, map[int32][]string{0: all[0][3:], 1: all[1][3:]}},
		{[]string{"--from", "0"}, all},
		{[]string{"--from", "2023-11-14T22:17:20Z"}, map[int32][]string{0: all[0][4:]}}, // 4 minutes after the first
		{[]string{"--from", "2m"}, map[int32][]string{}},
		{[]string{"--from", "end"}, map[int32][]string{}},
	} {
		require.Equal(t, c.want, tailed(t, k.ok(t, append([]string{"tail", "orders"}, c.args...)...)), c.args)
	}
	require.Equal(t, before, k.written(), "it has no cursor")

	require.Equal(t, 3, strings.Count(k.ok(t, "tail", "orders", "--max", "3").String(), "\n"))
	require.Equal(t, 3, strings.Count(k.ok(t, "tail", "orders", "--max", "3", "--follow").String(), "\n"))
	code, _, stderr := k.run(t, "tail", "orders", "--from", "5")
	require.Equal(t, exitPermanent, code, "partition 1 has no offset 5: %s", stderr)
}

func TestTailFollowsUntilItIsInterrupted(t *testing.T) {
	k := newKeeping(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	out, ended := newOutput(), make(chan exitCode, 1)
	go func() {
		ended <- run(ctx, []string{"tail", "orders", "--follow", "--brokers", k.broker.Addrs()[0]}, stdio{out: out, err: newOutput()})
	}()
	out.waitFor(ctx, t, "\n", 10)
	e := generatedEvents(1).at(0)
	publishTo(t, k, 1, e)
	out.waitFor(ctx, t, "\n", 11)
	cancel()
	require.Equal(t, exitOK, <-ended)
	require.Equal(t, "4", slices.Max(tailed(t, out)[1]))
}

func TestTailEndsWhenNobodyListens(t *testing.T) {
	k := newKeeping(t)
	code := run(bounded(t), []string{"tail", "orders", "--brokers", k.broker.Addrs()[0]}, stdio{out: fullWriter{}, err: newOutput()})
	require.Equal(t, exitCommand, code)
}

// fullWriter is a disk that is full.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errNetworkCut }
