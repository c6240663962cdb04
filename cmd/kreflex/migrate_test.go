package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex/grpctest"
)

// migrating is a broker with events in topic orders, and its address.
func migrating(t *testing.T, events int) (*consuming, []string) {
	t.Helper()
	c := newConsuming(t, events)
	return c, []string{"--brokers", c.broker.Addrs()[0]}
}

func migrateRun(t *testing.T, brokers []string, args ...string) (code exitCode, out, err *output) {
	t.Helper()
	return kreflex(bounded(t), "", append(append([]string{"migrate"}, args...), brokers...)...)
}

func TestMigrateEventsIsADryRunUntilItIsApplied(t *testing.T) {
	c, brokers := migrating(t, 3)
	args := []string{"events", "--from-topic", "orders", "--to-topic", "copy"}
	code, _, stderr := migrateRun(t, brokers, args...)
	require.Equal(t, exitPermanent, code)
	require.Contains(t, stderr.String(), "topic does not exist")

	args = append(args, "--create")
	code, out, stderr := migrateRun(t, brokers, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "copy/0: the copy would go on from the start\n", out.String())
	require.Contains(t, stderr.String(), "--apply")
	require.Nil(t, c.broker.Cluster().TopicInfo("copy"))

	code, out, stderr = migrateRun(t, brokers, append(args, "--apply")...)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "copy/0: the copy went on from the start, 3 events were copied, the last is event 2 at offset 2\n", out.String())

	c.publish(t, 1)
	code, out, stderr = migrateRun(t, brokers, append(args, "--apply", "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var progress migrate.Progress
	require.NoError(t, json.Unmarshal([]byte(out.String()), &progress))
	require.Equal(t, "2", progress.After)
	require.EqualValues(t, 1, progress.Copied)
}

func TestMigrateEventsFollowsUntilItIsInterrupted(t *testing.T) {
	c, brokers := migrating(t, 2)
	ctx := bounded(t)
	stopped, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan exitCode, 1)
	out, stderr := newOutput(), newOutput()
	go func() {
		ended <- run(stopped, append([]string{"migrate", "events", "--from-topic", "orders", "--to-topic", "copy", "--create", "--follow", "--apply"}, brokers...),
			stdio{out: out, err: stderr})
	}()
	awaitCopies(t, c, 2)
	c.publish(t, 1)
	awaitCopies(t, c, 3)
	stop()
	require.Equal(t, exitOK, <-ended, stderr)
	require.Contains(t, out.String(), "3 events were copied")
}

func TestMigrateRefusesCommandLinesThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"events", "--to-topic", "copy"},
		{"events", "--from-topic", "orders", "--to-topic", "orders"},
		{"events", "--from-topic", "orders", "--to-topic", "copy", "--to-partition", "-1"},
		{"events", "--from-topic", "orders", "--to-topic", "copy", "--from-partition", "-1"},
		{"events", "--from-topic", "orders", "--to-topic", "copy", "--batch", "0"},
		{"events", "--from-topic", "orders", "--to-topic", "copy", "--decoder", "x"},
		{"events", "--from-topic", "orders", "--to-topic", "copy", "--create", "--replicas", "0"},
		{"events", "--from-topic", "orders", "--from-grpc", "localhost:1", "--to-topic", "copy"},
		{"events", "--from-grpc", "orders:\x00", "--to-topic", "copy"},
		{"cursors", "--topic", "copy", "--file", "no-such-file"},
		{"cursors", "--topic", "copy", "--file", "-"},
		{"cursors", "--topic", "copy", "--file", "-", "--timeout", "0"},
		{"group", "--topic", "copy", "--group", "g", "--consumer", "c", "--partition", "-1"},
	} {
		code, _, stderr := migrateRun(t, []string{"--brokers", "localhost:1"}, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
}

func TestMigrateCursorsFromAnExport(t *testing.T) {
	c, brokers := migrating(t, 5)
	code, _, stderr := migrateRun(t, brokers, "events", "--from-topic", "orders", "--to-topic", "copy", "--create", "--apply")
	require.Equal(t, exitOK, code, stderr)
	file := filepath.Join(t.TempDir(), "cursors.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"billing": 2, "mail": null, "shipping": "9"}`), 0o600))
	args := []string{"cursors", "--topic", "copy", "--file", file}

	code, out, stderr := migrateRun(t, brokers, args...)
	require.Equal(t, exitTransient, code, stderr)
	require.Regexp(t, `billing +2 +- +2@\S+ +\d+ +move`, out.String())
	require.Regexp(t, `mail .* keep`, out.String())
	require.Regexp(t, `shipping .* refuse`, out.String())
	require.Nil(t, c.broker.Cluster().TopicInfo("cursors"), "a dry run creates no topic")

	code, out, stderr = migrateRun(t, brokers, append(args, "--consumer", "billing", "--apply")...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `billing .* moved`, out.String())
	require.NotContains(t, out.String(), "shipping")

	code, _, _ = migrateRun(t, brokers, append(args, "--consumer", "nobody")...)
	require.Equal(t, exitUsage, code)

	code, out, stderr = migrateRun(t, brokers, append(args, "--repeats", "--apply", "--json")...)
	require.Equal(t, exitOK, code, stderr)
	var report migrate.Plan
	require.NoError(t, json.Unmarshal([]byte(out.String()), &report))
	require.Equal(t, []migrate.Action{migrate.Keep, migrate.Keep, migrate.Moved}, []migrate.Action{report.Steps[0].Action, report.Steps[1].Action, report.Steps[2].Action})

	// The consumer goes on with the event after its cursor.
	code, out, stderr = kreflex(bounded(t), "", "consume", brokers[0], brokers[1], "--topic", "copy", "--consumer", "billing", "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"3", "4"}, ids(t, out))
}

func TestMigrateGroupForthAndBack(t *testing.T) {
	c, brokers := migrating(t, 5)
	client, err := kgo.NewClient(c.broker.Opts()...)
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	var offsets kadm.Offsets
	offsets.AddOffset("orders", 0, 2, -1)
	require.NoError(t, admin.CommitAllOffsets(bounded(t), "old", offsets))
	args := []string{"group", "--group", "old", "--topic", "orders", "--consumer", "billing"}

	code, out, stderr := migrateRun(t, brokers, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `billing +1@\S+ +- +1@\S+ +3 +move`, out.String())
	code, _, stderr = migrateRun(t, brokers, append(args, "--apply")...)
	require.Equal(t, exitOK, code, stderr)

	code, out, stderr = c.run(t, "--to-head")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"2", "3", "4"}, ids(t, out))

	code, _, stderr = migrateRun(t, brokers, append(args, "--back", "--apply")...)
	require.Equal(t, exitOK, code, stderr)
	fetched, err := admin.FetchOffsets(bounded(t), "old")
	require.NoError(t, err)
	offset, _ := fetched.Lookup("orders", 0)
	require.EqualValues(t, 5, offset.At)

	code, _, _ = migrateRun(t, brokers, append(args, "--partition", "7")...)
	require.Equal(t, exitPermanent, code)
}

func TestExitCodesOfMigrate(t *testing.T) {
	for want, kinds := range map[exitCode][]error{
		exitUsage:     {migrate.ErrInvalidOption, migrate.ErrBadExport},
		exitPermanent: {migrate.ErrTargetSettings, migrate.ErrForeignRecords, migrate.ErrSourceMismatch, migrate.ErrSourceOrder, migrate.ErrUnknownCursor, migrate.ErrGone, migrate.ErrAhead, migrate.ErrBadCursor, kafkastream.ErrEventTooLarge},
		exitTransient: {migrate.ErrInterrupted, migrate.ErrNotCopied, migrate.ErrMoved, migrate.ErrGroupActive, kafkacursor.ErrUnreachable},
		exitTakenOver: {migrate.ErrFenced},
	} {
		for _, kind := range kinds {
			require.Equal(t, want, exitCodeOf(&migrate.Error{Kind: kind}), kind)
		}
	}
}

// awaitCopies waits until so many events are committed in the copy, besides markers.
func awaitCopies(t *testing.T, c *consuming, events int) {
	t.Helper()
	require.Eventually(t, func() bool {
		info := c.broker.Cluster().PartitionInfo("copy", 0)
		return info != nil && info.LastStableOffset > int64(events)
	}, timeout, time.Millisecond)
}

func TestMigrateEventsFromGRPC(t *testing.T) {
	c, brokers := migrating(t, 3)
	server, address := grpctest.NewServer(t, kafkastream.NewPartition(c.broker.Opts(), "orders", 0).Stream, nil)
	args := []string{"events", "--from-grpc", address, "--plaintext", "--to-topic", "copy", "--create", "--apply"}
	code, out, stderr := migrateRun(t, brokers, args...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out.String(), "3 events were copied, the last is event 2 at offset 2")

	server.Stop()
	code, _, stderr = migrateRun(t, brokers, args...)
	require.Equal(t, exitTransient, code, stderr)
}
