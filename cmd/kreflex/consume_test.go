//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
)

// consuming is a broker with a topic, and the command line to consume it.
type consuming struct {
	broker *kafkatest.Broker
	args   []string
}

func newConsuming(t *testing.T, events int) *consuming {
	t.Helper()
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
	c := &consuming{broker: broker, args: []string{
		"consume", "--brokers", broker.Addrs()[0], "--topic", "orders", "--consumer", "billing", "--cursors", "cursors",
	}}
	c.publish(t, events)
	return c
}

func (c *consuming) publish(t *testing.T, events int) {
	t.Helper()
	publisher, err := kafkastream.NewPublisher(c.broker.Opts(), "orders")
	require.NoError(t, err)
	defer func() { require.NoError(t, publisher.Close()) }()
	for i := range events {
		_, err := publisher.Publish(bounded(t), generatedEvents(events).at(i))
		require.NoError(t, err)
	}
}

func (c *consuming) run(t *testing.T, args ...string) (code exitCode, out, err *output) {
	t.Helper()
	return kreflex(bounded(t), "", append(c.args[:len(c.args):len(c.args)], args...)...)
}

// ids returns the IDs of the events that were printed.
func ids(t *testing.T, out *output) []string {
	t.Helper()
	var ids []string
	for line := range strings.Lines(out.String()) {
		var e eventJSON
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		ids = append(ids, e.ID)
	}
	return ids
}

func TestConsumePrintsEachEventOnceOverManyRuns(t *testing.T) {
	c := newConsuming(t, 3)
	code, out, stderr := c.run(t, "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"0", "1", "2"}, ids(t, out))
	require.Contains(t, out.String(), `"type":1,"foreign_id":"order-1","metadata":{"n":1,`)

	code, out, stderr = c.run(t, "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, out.String())

	c.publish(t, 1)
	code, out, stderr = c.run(t, "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"3"}, ids(t, out))
}

func TestConsumersHaveCursorsOfTheirOwn(t *testing.T) {
	c := newConsuming(t, 2)
	for _, name := range []string{"billing", "shipping/eu"} {
		_, out, _ := c.run(t, "--to-head", "--consumer", name)
		require.Equal(t, []string{"0", "1"}, ids(t, out), name)
	}
}

func TestConsumeFromHeadPassesOverWhatIsThere(t *testing.T) {
	c := newConsuming(t, 2)
	code, out, stderr := c.run(t, "--from-head", "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, out.String())
}

// The command fails at one event: it is not repeated for those before, and
// comes again at this one, until it succeeds.
func TestCommandThatFailsLeavesTheCursorBeforeItsEvent(t *testing.T) {
	c := newConsuming(t, 4)
	log := filepath.Join(t.TempDir(), "log")
	command := `echo $KREFLEX_ID >> ` + log + `; test $KREFLEX_ID != 2`
	for range 2 {
		code, _, stderr := c.run(t, "--to-head", "--exec", command)
		require.Equal(t, exitCommand, code)
		require.Contains(t, stderr.String(), "exit status 1: the cursor stays before event 2")
	}
	code, _, stderr := c.run(t, "--to-head", "--exec", `echo $KREFLEX_ID >> `+log)
	require.Equal(t, exitOK, code, stderr)

	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, "0 1 2 2 2 3", strings.Join(strings.Fields(string(text)), " "))
}

func TestCommandRunsOncePerBatch(t *testing.T) {
	c := newConsuming(t, 5)
	code, out, stderr := c.run(t, "--to-head", "--batch", "2", "--exec", `cat >/dev/null; echo $KREFLEX_FIRST_ID-$KREFLEX_LAST_ID`)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "0-1\n2-3\n4-4\n", out.String())

	code, out, stderr = c.run(t, "--to-head", "--batch", "2")
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, out.String())
}

func TestCommandThatFailsLeavesTheCursorBeforeItsBatch(t *testing.T) {
	c := newConsuming(t, 4)
	code, _, stderr := c.run(t, "--to-head", "--batch", "2", "--exec", `test $KREFLEX_FIRST_ID = 0`)
	require.Equal(t, exitCommand, code)
	require.Contains(t, stderr.String(), "the cursor stays before events 2 to 3")
	_, out, _ := c.run(t, "--to-head")
	require.Equal(t, []string{"2", "3"}, ids(t, out))
}

// An operator stops the service while its command works on an event: the command
// may finish, its event is not repeated, and no further one is begun.
func TestInterruptedConsumeFinishesTheEventInHand(t *testing.T) {
	for name, args := range map[string][]string{"one by one": nil, "in batches": {"--batch", "2"}} {
		t.Run(name, func(t *testing.T) {
			c := newConsuming(t, 4)
			gate := filepath.Join(t.TempDir(), "gate")
			require.NoError(t, syscall.Mkfifo(gate, 0o600))
			ctx, interrupt := context.WithCancel(bounded(t))
			defer interrupt()

			out, stderr, code := newOutput(), newOutput(), make(chan exitCode, 1)
			all := append(append(c.args[:len(c.args):len(c.args)], args...), "--exec", `echo begin; read line < `+gate+`; echo end $KREFLEX_LAST_ID`)
			go func() { code <- run(ctx, all, stdio{out: out, err: stderr}) }()
			out.waitFor(bounded(t), t, "begin", 1)
			interrupt()
			require.NoError(t, os.WriteFile(gate, []byte("go\n"), 0))
			require.Equal(t, exitOK, <-code, stderr)

			done := map[string]string{"one by one": "0", "in batches": "1"}[name]
			require.Equal(t, "begin\nend "+done+"\n", out.String())
			_, rest, _ := c.run(t, "--to-head")
			require.Equal(t, map[string][]string{"one by one": {"1", "2", "3"}, "in batches": {"2", "3"}}[name], ids(t, rest))
		})
	}
}

func TestInterruptedConsumeKillsACommandThatTakesTooLong(t *testing.T) {
	c := newConsuming(t, 1)
	ctx, interrupt := context.WithCancel(bounded(t))
	defer interrupt()
	out, stderr, code := newOutput(), newOutput(), make(chan exitCode, 1)
	go func() {
		code <- run(ctx, append(c.args, "--grace", "50ms", "--exec", "echo begin; sleep 1000"), stdio{out: out, err: stderr})
	}()
	out.waitFor(bounded(t), t, "begin", 1)
	interrupt()
	require.Equal(t, exitCommand, <-code)
	require.Contains(t, stderr.String(), "took longer than --grace")
}

func TestIdleConsumeEndsCleanlyWhenInterrupted(t *testing.T) {
	c := newConsuming(t, 1)
	ctx, interrupt := context.WithCancel(bounded(t))
	defer interrupt()
	out, stderr, code := newOutput(), newOutput(), make(chan exitCode, 1)
	go func() { code <- run(ctx, c.args, stdio{out: out, err: stderr}) }()
	out.waitFor(bounded(t), t, `"id":"0"`, 1)
	interrupt()
	require.Equal(t, exitOK, <-code, stderr)
	_, rest, _ := c.run(t, "--to-head")
	require.Empty(t, rest.String(), "the cursor was stored")
}

func TestConsumeReadsTheFormatsOfOthers(t *testing.T) {
	c := newConsuming(t, 0)
	client, err := kgo.NewClient(append(c.broker.Opts(), kgo.DefaultProduceTopic("orders"))...)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(bounded(t), &kgo.Record{
		Key: []byte("a"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "kind", Value: []byte("paid")}, {Key: "n", Value: []byte("7")}},
	}).FirstErr())

	for decoder, want := range map[string]string{
		"plain":       `"type":null,"foreign_id":"a","metadata_base64":"dg=="`,
		"header:n":    `"type":7,"foreign_id":"a"`,
		"header:kind": `"type":2,"foreign_id":"a"`,
	} {
		args := []string{"--to-head", "--consumer", decoder, "--decoder", decoder}
		if decoder == "header:kind" {
			args = append(args, "--types", "paid=2;sent=3")
		}
		code, out, stderr := c.run(t, args...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out.String(), want)
	}
}

// What a script has to tell apart, each in time.
func TestConsumeSaysWhyItEnded(t *testing.T) {
	c := newConsuming(t, 1)
	nobody := freeAddress(t)
	for name, test := range map[string]struct {
		args []string
		code exitCode
		says string
	}{
		"unknown topic":      {[]string{"--topic", "misspelt"}, exitPermanent, "misspelt"},
		"unknown partition":  {[]string{"--partition", "7"}, exitPermanent, "7"},
		"nobody listens":     {[]string{"--brokers", nobody, "--timeout", "1s"}, exitTransient, ""},
		"decoder is unknown": {[]string{"--decoder", "xml"}, exitUsage, `no --decoder "xml"`},
		"decoder has no types": {
			[]string{"--decoder", "cloudevents"}, exitUsage, "needs --types",
		},
		"decoder can't read": {[]string{"--decoder", "header:none"}, exitPermanent, `header "none"`},
		"no such flag":       {[]string{"--nope"}, exitUsage, "unknown flag --nope"},
		"batch of nothing":   {[]string{"--batch", "0"}, exitUsage, "--batch must be at least 1"},
		"no such format":     {[]string{"--partition", "x"}, exitUsage, "--partition"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(c.args[:len(c.args):len(c.args)], "--to-head")
			if name == "nobody listens" {
				args = []string{"consume", "--topic", "orders", "--consumer", "billing"}
			}
			code, out, stderr := kreflex(bounded(t), "", append(args, test.args...)...)
			require.Equal(t, test.code, code, stderr)
			require.Empty(t, out.String())
			require.True(t, strings.HasPrefix(stderr.String(), "kreflex: "), stderr)
			require.Contains(t, stderr.String(), test.says)
			require.NotContains(t, stderr.String(), "goroutine", "no stack traces")
		})
	}
}

// Kafka has removed what the cursor points to: nobody may go on silently.
func TestConsumeDoesNotJumpOverExpiredEvents(t *testing.T) {
	c := newConsuming(t, 5)
	code, _, _ := c.run(t, "--exec", `test $KREFLEX_ID = 0`)
	require.Equal(t, exitCommand, code)
	deleteRecordsBefore(t, c.broker, "orders", 3)

	code, out, stderr := c.run(t, "--to-head")
	require.Equal(t, exitPermanent, code, stderr)
	require.Empty(t, out.String())
	require.ErrorContains(t, fmt.Errorf("%s", stderr), kafkastream.ErrExpired.Error())
}

// Two instances of one consumer: the later one takes over, and the former must
// end, in a way that makes nobody start it again.
func TestConsumeThatIsTakenOverEnds(t *testing.T) {
	for name, flags := range map[string][]string{"plain": nil, "fenced": {"--fenced"}} {
		t.Run(name, func(t *testing.T) {
			c := newConsuming(t, 1)
			args := append(c.args[:len(c.args):len(c.args)], flags...)
			out, stderr, code := newOutput(), newOutput(), make(chan exitCode, 1)
			go func() { code <- run(bounded(t), args, stdio{out: out, err: stderr}) }()
			out.waitFor(bounded(t), t, `"id":"0"`, 1)
			c.waitForCursor(t)

			laterOut, laterErr := newOutput(), newOutput()
			later := make(chan exitCode, 1)
			ctx, interrupt := context.WithCancel(bounded(t))
			defer interrupt()
			go func() { later <- run(ctx, args, stdio{out: laterOut, err: laterErr}) }()
			for i := 1; ; i++ { // until the former one has a cursor to store, and can't
				c.publish(t, 1)
				laterOut.waitFor(bounded(t), t, fmt.Sprintf(`"id":"%d"`, i), 1)
				select {
				case got := <-code:
					require.Equal(t, exitTakenOver, got, stderr)
					interrupt()
					require.Equal(t, exitOK, <-later, laterErr)
					return
				case got := <-later:
					t.Fatalf("the later one ended with %d: %s\nformer: %s", got, laterErr, stderr)
				default:
				}
			}
		})
	}
}

// waitForCursor returns when a cursor of billing is stored. Of two instances that
// begin before that, either may be the one that is refused.
func (c *consuming) waitForCursor(t *testing.T) {
	t.Helper()
	store, err := kafkacursor.Open(bounded(t), c.broker.Opts(), "cursors", kafkacursor.WithoutCreate())
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	require.Eventually(t, func() bool {
		_, found, err := store.Peek(bounded(t), kafkacursor.Key{Consumer: "billing", Topic: "orders"})
		require.NoError(t, err)
		return found
	}, timeout, time.Millisecond)
}

func deleteRecordsBefore(t *testing.T, broker *kafkatest.Broker, topic string, offset int64) {
	t.Helper()
	client, err := kgo.NewClient(broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	offsets := make(kadm.Offsets)
	offsets.AddOffset(topic, 0, offset, -1)
	responses, err := kadm.NewClient(client).DeleteRecords(bounded(t), offsets)
	require.NoError(t, err)
	require.NoError(t, responses.Error())
}
