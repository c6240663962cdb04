package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

var update = flag.Bool("update", false, "write the golden files anew")

// keeping is a broker with topic orders of two partitions, of 6 and 4 events, and cursors in it that are long at rest.
type keeping struct {
	broker *kafkatest.Broker
	client *kgo.Client
	store  *kafkacursor.Store
}

func newKeeping(t *testing.T) *keeping {
	t.Helper()
	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 2))
	k := &keeping{broker: broker}
	var err error
	k.store, err = kafkacursor.Open(bounded(t), broker.Opts(), "cursors")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.store.Close()) })
	k.client, err = kgo.NewClient(append(broker.Opts(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	require.NoError(t, err)
	t.Cleanup(k.client.Close)
	for partition, n := range []int{6, 4} {
		for i := range n {
			e := generatedEvents(n).at(i)
			e.Timestamp = time.UnixMilli(1_700_000_000_000).Add(time.Duration(i) * time.Minute)
			record, err := kafkastream.Encode(e)
			require.NoError(t, err)
			record.Topic, record.Partition = "orders", int32(partition)
			require.NoError(t, k.client.ProduceSync(bounded(t), record).FirstErr())
		}
	}
	k.put(t, "billing/orders/0", "3", "4", "billing-1")
	k.put(t, "billing/orders/1", "1", "2", "billing-1")
	k.put(t, "shipping/orders/0", "99", "1", "shipping-1")
	return k
}

// put writes a cursor as an owner would have an hour ago.
func (k *keeping) put(t *testing.T, key, cursor, epoch, owner string) {
	t.Helper()
	require.NoError(t, k.client.ProduceSync(bounded(t), &kgo.Record{
		Topic: "cursors", Key: []byte(key), Value: []byte(cursor), Timestamp: time.Now().Add(-time.Hour),
		Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte(epoch)}, {Key: "owner", Value: []byte(owner)}},
	}).FirstErr())
}

func (k *keeping) run(t *testing.T, args ...string) (code exitCode, out, err *output) {
	t.Helper()
	return kreflex(bounded(t), "", append(args, "--brokers", k.broker.Addrs()[0])...)
}

func (k *keeping) ok(t *testing.T, args ...string) *output {
	t.Helper()
	code, out, stderr := k.run(t, args...)
	require.Equal(t, exitOK, code, "%s%s", out, stderr)
	return out
}

func (k *keeping) written() int64 {
	return k.broker.Cluster().PartitionInfo("cursors", 0).HighWatermark
}

func (k *keeping) cursor(t *testing.T, partition int32) string {
	t.Helper()
	e, _, err := k.store.Peek(bounded(t), kafkacursor.Key{Consumer: "billing", Topic: "orders", Partition: partition})
	require.NoError(t, err)
	return e.Cursor
}

// golden compares with a file what doesn't differ between runs.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = regexp.MustCompile(`@[\w-]{22}`).ReplaceAllString(got, "@TOPICIDTOPICIDTOPICIDT")
	got = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`).ReplaceAllString(got, "TIME")
	file := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestCursorsLookLikeThis(t *testing.T) {
	k := newKeeping(t)
	k.put(t, "a/b", "1", "1", "x")
	golden(t, "cursors_list", k.ok(t, "cursors", "list").String())
	golden(t, "cursors_list_json", k.ok(t, "cursors", "list", "--json", "--consumer", "billing", "--topic", "orders").String())
	golden(t, "cursors_show", k.ok(t, "cursors", "show", "shipping", "orders").String())
	golden(t, "lag", k.ok(t, "lag", "billing", "orders").String())
	golden(t, "lag_all", k.ok(t, "lag", "--all").String())
	golden(t, "lag_json", k.ok(t, "lag", "shipping", "orders", "--output", "json").String())
	golden(t, "reset_skips", k.ok(t, "cursors", "reset", "billing", "orders", "--to-end").String())
	golden(t, "reset_again", k.ok(t, "cursors", "reset", "billing", "orders", "--to-start").String())
	golden(t, "reset_both", k.ok(t, "cursors", "reset", "billing", "orders", "--to-offset", "3").String())
	golden(t, "reset_json", k.ok(t, "cursors", "reset", "billing", "orders/1", "--to-offset", "3", "--json").String())
	golden(t, "delete", k.ok(t, "cursors", "delete", "shipping").String())
	golden(t, "copy", k.ok(t, "cursors", "copy", "billing", "invoicing", "orders").String())
	code, out, stderr := k.run(t, "cursors", "reset", "billing", "orders", "--to-offset", "5")
	require.Equal(t, exitPermanent, code)
	golden(t, "reset_out_of_range", out.String()+stderr.String())
	golden(t, "reset_applied", k.ok(t, "cursors", "reset", "billing", "orders", "--to-offset", "3", "--apply").String())
}

func TestResetIsADryRunUntilItIsApplied(t *testing.T) {
	k := newKeeping(t)
	for _, args := range [][]string{
		{"reset", "billing", "orders", "--to-start"},
		{"reset", "billing", "orders/0", "--to-time", "2023-11-14T22:15:20Z"},
		{"copy", "billing", "invoicing", "orders"},
		{"delete", "billing"},
	} {
		before := k.written()
		args = append([]string{"cursors"}, args...)
		code, planned, stderr := k.run(t, args...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stderr.String(), "Nothing was changed. Do it with --apply.")
		require.Equal(t, before, k.written())
		require.Equal(t, "3", k.cursor(t, 0))
		require.NotEmpty(t, planned.String())
	}
	k.ok(t, "cursors", "reset", "billing", "orders/0", "--to-time", "2023-11-14T22:15:20Z", "--apply")
	require.Regexp(t, `^1@`, k.cursor(t, 0))
	require.Equal(t, "1", k.cursor(t, 1))
	out := k.ok(t, "consume", "--topic", "orders", "--consumer", "billing", "--to-head")
	require.Equal(t, []string{"2", "3", "4", "5"}, ids(t, out))
}

func TestListedCursorsComeBack(t *testing.T) {
	k := newKeeping(t)
	saved := k.ok(t, "cursors", "list", "--output", "json").String()
	file := filepath.Join(t.TempDir(), "cursors.json")
	require.NoError(t, os.WriteFile(file, []byte(saved), 0o600))
	k.ok(t, "cursors", "delete", "billing", "--apply")
	require.Empty(t, k.cursor(t, 0))
	code, _, stderr := k.run(t, "cursors", "reset", "billing", "orders", "--from-file", file, "--apply")
	require.Equal(t, exitPermanent, code)
	require.Contains(t, stderr.String(), "consumers with cursors: shipping")
	k.ok(t, "cursors", "reset", "billing", "orders", "--from-file", file, "--new", "--apply")
	again := k.ok(t, "cursors", "list", "--output", "json").String()
	place := func(text string) (places []string) {
		standings, err := cursoradmin.ReadStandings(strings.NewReader(text))
		require.NoError(t, err)
		for _, s := range standings {
			places = append(places, s.Consumer+" "+s.Cursor)
		}
		return places
	}
	require.Equal(t, place(saved), place(again))
	code, _, stderr = k.run(t, "cursors", "reset", "shipping", "orders", "--from-file", file, "--apply")
	require.Equal(t, exitPermanent, code, stderr)
	require.Contains(t, stderr.String(), "beyond end")
}

func TestCursorsOfARunningConsumerAreLeftAlone(t *testing.T) {
	k := newKeeping(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	store, err := kafkacursor.Open(ctx, k.broker.Opts(), "cursors", kafkacursor.WithFlushInterval(10*time.Millisecond))
	require.NoError(t, err)
	defer store.Close()
	log := kafkastream.NewPartition(k.broker.Opts(), "orders", 0, kafkastream.WithDecoder(kafkastream.Plain()))
	seen := make(chan string, 10_000)
	ended := make(chan error, 1)
	go func() {
		ended <- reflex.Run(ctx, reflex.NewSpec(log.Stream, store.For(log), reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
			seen <- e.ID
			return nil
		})))
	}()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil && len(ended) == 0 {
			k.client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("busy")})
		}
	}()
	<-seen
	code, out, stderr := k.run(t, "cursors", "reset", "billing", "orders/0", "--to-start", "--apply")
	require.Equal(t, exitTransient, code, "%s%s", out, stderr)
	require.Contains(t, stderr.String(), "consumer is at work")

	k.ok(t, "cursors", "reset", "billing", "orders/0", "--to-start", "--apply", "--force")
	require.ErrorIs(t, <-ended, kafkacursor.ErrSuperseded)
	cancel()
	<-stopped
	require.Empty(t, k.cursor(t, 0))
	got := ids(t, k.ok(t, "consume", "--topic", "orders", "--consumer", "billing", "--to-head", "--decoder", "plain"))
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5"}, got[:6])
}

func TestCursorsRefusesWhatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"cursors", "reset", "billing", "orders"},
		{"cursors", "reset", "billing", "orders", "--to-start", "--to-end"},
		{"cursors", "reset", "billing", "orders/x", "--to-start"},
		{"cursors", "reset", "billing", "/0", "--to-start"},
		{"cursors", "reset", "billing", "orders", "--to-time", "yesterday"},
		{"cursors", "reset", "billing", "orders", "--to-time=-1h"},
		{"cursors", "reset", "billing", "orders", "--from-file", "no-such-file"},
		{"cursors", "reset", "billing", "orders", "--from-file", "-"},
		{"cursors", "reset", "billing"},
		{"cursors", "copy", "billing", "billing", "orders"},
		{"cursors", "list", "--timeout", "0"},
		{"cursors", "list", "--output", "xml"},
		{"cursors", "list", "--cursor-partitions", "0"},
		{"lag", "billing"},
		{"lag"},
		{"lag", "--all", "billing", "orders"},
		{"lag", "billing", "orders", "--watch=-1s"},
		{"tail"},
		{"tail", "orders", "--from", "yesterday"},
		{"tail", "orders", "--max", "-1"},
		{"tail", "orders", "--partition", "-1"},
		{"tail", "orders", "--decoder", "x"},
		{"completion", "tcsh"},
	} {
		if args[0] != "completion" {
			args = append(args, "--brokers", "localhost:1")
		}
		code, _, stderr := kreflex(bounded(t), "", args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
}

func TestCursorsSayWhatThereIs(t *testing.T) {
	k := newKeeping(t)
	for _, c := range []struct {
		code exitCode
		says string
		args []string
	}{
		{exitPermanent, "consumers with cursors: billing, shipping", []string{"cursors", "show", "biling", "orders"}},
		{exitPermanent, "consumers with cursors: billing, shipping", []string{"cursors", "delete", "biling", "--apply"}},
		{exitPermanent, "consumers with cursors: billing, shipping", []string{"lag", "biling", "orders"}},
		{exitPermanent, "topics with cursors: orders", []string{"cursors", "reset", "billing", "odrers", "--to-start"}},
		{exitPermanent, "2 partitions", []string{"cursors", "reset", "billing", "orders/2", "--to-start"}},
		{exitUsage, "no partition [2]", []string{"cursors", "show", "billing", "orders/2"}},
		{exitPermanent, "unknown topic of cursors", []string{"cursors", "list", "--cursors", "crusors"}},
		{exitPermanent, "topic does not exist", []string{"tail", "odrers"}},
		{exitPermanent, "partition", []string{"tail", "orders", "--partition", "2"}},
	} {
		code, _, stderr := k.run(t, c.args...)
		require.Equal(t, c.code, code, "%v: %s", c.args, stderr)
		require.Contains(t, stderr.String(), c.says, c.args)
	}
	require.Nil(t, k.broker.Cluster().TopicInfo("crusors"), "looking creates nothing")
	code, _, _ := kreflex(bounded(t), "", "cursors", "list", "--brokers", freeAddress(t), "--timeout", "1s")
	require.Equal(t, exitTransient, code)
}

func TestLagIsSaidAgain(t *testing.T) {
	k := newKeeping(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	out, ended := newOutput(), make(chan exitCode, 1)
	go func() {
		ended <- run(ctx, []string{"lag", "billing", "shipping", "orders", "--watch", "10ms", "--brokers", k.broker.Addrs()[0]}, stdio{out: out, err: newOutput()})
	}()
	out.waitFor(ctx, t, "total lag: 8", 2)
	cancel()
	require.Equal(t, exitOK, <-ended)
}

func TestExitCodesOfCursors(t *testing.T) {
	for want, kinds := range map[exitCode][]error{
		exitUsage:     {cursoradmin.ErrInvalidOption, cursoradmin.ErrBadFile},
		exitPermanent: {cursoradmin.ErrUnknownConsumer, cursoradmin.ErrOutOfRange, cursoradmin.ErrUnusableCursor},
		exitTransient: {cursoradmin.ErrAtWork, cursoradmin.ErrChanged, cursoradmin.ErrUnreachable},
	} {
		for _, kind := range kinds {
			require.Equal(t, want, exitCodeOf(&cursoradmin.Error{Kind: kind}), kind)
		}
	}
}

// A write that fails for one partition is told of, and the other is made.
func TestPartialFailureIsToldPartitionByPartition(t *testing.T) {
	plan := cursoradmin.Plan{Steps: []cursoradmin.Step{
		{Consumer: "billing", Topic: "orders", Action: cursoradmin.WasSet, Exact: true, Skipped: 2, NewNext: 4, OldNext: 2, OldState: cursoradmin.OK, Old: "1", New: "3"},
		{Consumer: "billing", Topic: "orders", Partition: 1, Action: cursoradmin.Failed, Exact: true, Why: "no broker", Err: kafkacursor.ErrUnreachable, NewNext: 4, OldNext: 2, OldState: cursoradmin.OK, Old: "1", New: "3"},
	}}
	require.Equal(t, exitTransient, exitCodeOf(plan.Err()))
	require.ErrorContains(t, plan.Err(), "orders/1")
	require.Contains(t, plan.String(), "1 was set, 1 failed")
	var out output
	out.told = make(chan struct{}, 1)
	require.NoError(t, outputFlags{JSON: true}.printPlan(stdio{out: &out}, plan))
	var last cursoradmin.Step
	require.NoError(t, json.Unmarshal([]byte(strings.Split(out.String(), "\n")[1]), &last))
	require.Equal(t, cursoradmin.Failed, last.Action)
}

func publishTo(t *testing.T, k *keeping, partition int32, e *reflex.Event) {
	t.Helper()
	record, err := kafkastream.Encode(e)
	require.NoError(t, err)
	record.Topic, record.Partition = "orders", partition
	require.NoError(t, k.client.ProduceSync(bounded(t), record).FirstErr())
}
