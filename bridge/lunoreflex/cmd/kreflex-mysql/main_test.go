package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/luno/reflex/rsql"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kreflex/kreflex/bridge/lunoreflex/internal/mysqltest"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/kafkatest"
	"github.com/kreflex/kreflex/reflex"
)

var lab = new(mysqltest.Lab)

func TestMain(m *testing.M) { goleak.VerifyTestMain(runner{m}) }

type runner struct{ m *testing.M }

func (r runner) Run() int {
	defer lab.Close()
	return r.m.Run()
}

// env is a database with tables, and a Kafka without topics.
type env struct {
	*testing.T
	db     mysqltest.Database
	broker *kafkatest.Broker
}

func newEnv(t *testing.T) *env {
	t.Helper()
	e := &env{T: t, db: lab.Database(t), broker: kafkatest.Start(t)}
	e.db.CreateEvents(t, "events")
	e.db.CreateCursors(t, "cursors")
	return e
}

type eventType int

func (eventType) ReflexType() int { return 1 }

// insert inserts n events.
func (e *env) insert(n int) {
	e.Helper()
	events := rsql.NewEventsTable("events", rsql.WithEventMetadataField("metadata"))
	for i := range n {
		_, err := events.InsertWithMetadata(e.Context(), e.db.DB, fmt.Sprint("order-", i), eventType(1), []byte("m"))
		require.NoError(e, err)
	}
}

func (e *env) setCursor(consumer, cursor string) {
	e.Helper()
	table := rsql.NewCursorsTable("cursors", rsql.WithCursorAsyncDisabled())
	require.NoError(e, table.SetCursor(e.Context(), e.db.DB, consumer, cursor))
}

// run runs the command with what says where all is, and returns its exit code and output.
func (e *env) run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs safeBuffer
	args = append(args, "--dsn", e.db.DSN, "--brokers", strings.Join(e.broker.Addrs(), ","), "--topic", "orders")
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// requireRun requires that the command succeeds, and returns its output.
func (e *env) requireRun(args ...string) string {
	e.Helper()
	code, stdout, stderr := e.run(e.Context(), args...)
	require.Equal(e, exitOK, code, stderr)
	require.Empty(e, stderr)
	return stdout
}

// consumed returns the foreign IDs that a consumer gets after its cursor.
func (e *env) consumed(consumer string) []string {
	e.Helper()
	orders := kafkastream.NewPartition(e.broker.Opts(), "orders", 0)
	store, err := kafkacursor.Open(e.Context(), e.broker.Opts(), "cursors")
	require.NoError(e, err)
	defer store.Close()
	cursor, err := store.For(orders).GetCursor(e.Context(), consumer)
	require.NoError(e, err)
	return e.read(cursor)
}

// read returns the foreign IDs of the events after the cursor.
func (e *env) read(cursor string) []string {
	e.Helper()
	orders := kafkastream.NewPartition(e.broker.Opts(), "orders", 0)
	client, err := orders.Stream(e.Context(), cursor, reflex.WithStreamToHead())
	require.NoError(e, err)
	defer func() { _ = client.(interface{ Close() error }).Close() }()
	var ids []string
	for {
		event, err := client.Recv()
		if err != nil {
			require.True(e, reflex.IsHeadReachedErr(err), "%v", err)
			return ids
		}
		ids = append(ids, event.ForeignID)
	}
}

func (e *env) topics() []string {
	e.Helper()
	var names []string
	for _, name := range []string{"orders", "cursors"} {
		if e.broker.Cluster().TopicInfo(name) != nil {
			names = append(names, name)
		}
	}
	return names
}

func TestMovingTablesToKafka(t *testing.T) {
	e := newEnv(t)
	e.insert(10)
	e.setCursor("billing", "7")
	e.setCursor("shipping", "10")

	// First what would be done.
	require.Equal(t, "table events: 10 events, IDs 1 to 10\n"+
		"partition orders/0: would be created\n"+
		"Nothing was changed. Add --apply to copy.\n", e.requireRun("events", "--create"))
	require.Empty(t, e.topics())

	copyEvents := []string{"events", "--create", "--apply", "--metadata-field", "metadata"}
	require.Contains(t, e.requireRun(copyEvents...), "10 copied, from after ID - up to ID 10 ")

	out := e.requireRun("cursors")
	require.Contains(t, out, "The topic of cursors cursors would be created.\n")
	require.Regexp(t, `billing +7 +- +\d+@\S+ +\d +move`, out)
	require.Regexp(t, `shipping +10 +- +\d+@\S+ +\d +move`, out)
	require.Contains(t, out, "Nothing was changed. Add --apply to move.\n")
	require.Equal(t, []string{"orders"}, e.topics())

	// Then it is done, one consumer at a time and twice, as people do.
	require.Regexp(t, `billing +7 +- +\d+@\S+ +\d +moved`, e.requireRun("cursors", "--apply", "billing"))
	require.Regexp(t, `billing +7 .* keep .*\nshipping .* moved`, e.requireRun("cursors", "--apply"))
	require.Equal(t, []string{"order-7", "order-8", "order-9"}, e.consumed("billing"))
	require.Empty(t, e.consumed("shipping"))

	e.insert(2)
	require.Contains(t, e.requireRun(copyEvents...), "2 copied, from after ID 10 up to ID 12 ")
	require.Equal(t, []string{"order-0", "order-1"}, e.consumed("shipping"))
}

// It ends with its context only, which the user has asked for, so that is no error.
func TestFollowingEndsWhenItIsInterrupted(t *testing.T) {
	e := newEnv(t)
	e.insert(3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan string, 1)
	go func() {
		code, stdout, stderr := e.run(ctx, "events", "--apply", "--create", "--follow", "--poll", "10ms")
		done <- fmt.Sprint(code, " ", stdout, stderr)
	}()
	copied := func(n int) {
		require.Eventually(t, func() bool { return len(e.topics()) > 0 && len(e.read("")) == n }, 20*time.Second, 5*time.Millisecond)
	}
	copied(3)
	e.insert(1)
	copied(4)
	cancel()
	// The last one may have been on its way back from Kafka.
	require.Regexp(t, `^0 [34] copied, from after ID - up to ID [34] at offset \d+\n$`, <-done)
	require.Contains(t, e.requireRun("events", "--apply"), "0 copied, from after ID 4 up to ID 4 ")
}

// A transaction that was rolled back leaves a gap in the IDs, at which rsql waits. A stream to head takes that for
// the head, so the copy would be said to be complete.
func TestAGapIsNotTheEnd(t *testing.T) {
	e := newEnv(t)
	e.insert(3)
	e.db.Exec(t, "delete from events where id = 2")
	require.Contains(t, e.requireRun("events", "--create"), "There is a gap before ID 3. If nobody fills it the copy ends there.\n")
	code, stdout, stderr := e.run(t.Context(), "events", "--create", "--apply")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "1 copied, from after ID - up to ID 1 ")
	require.Contains(t, stderr, "events from ID 3 on are not copied: rsql delivers nothing behind a gap")

	// Filled as rsql does it.
	e.db.Exec(t, "insert into events (id, foreign_id, timestamp, type) values (2, '0', now(6), 0)")
	require.Contains(t, e.requireRun("events", "--apply"), "1 copied, from after ID 1 up to ID 3 ")
	require.Contains(t, e.requireRun("events", "--apply"), "0 copied, from after ID 3 up to ID 3 ")
}

func TestWhatCannotBeMovedIsSaid(t *testing.T) {
	e := newEnv(t)
	e.insert(2)
	e.requireRun("events", "--create", "--apply")
	e.setCursor("ahead", "7")
	code, stdout, stderr := e.run(t.Context(), "cursors", "--wait", "0s", "--apply")
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `ahead +7 .* refuse`, stdout)
	require.Contains(t, stderr, `kreflex-mysql: consumer "ahead": `)
}

func TestWrongCommandLines(t *testing.T) {
	e := newEnv(t)
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tables"}, exitUsage, "Try: kreflex-mysql --help"},
		{[]string{"events", "--table", "none"}, exitFailed, "Table 'test_"},
		{[]string{"cursors", "--table", "none"}, exitFailed, "doesn't exist"},
		{[]string{"events"}, exitFailed, "orders/0"}, // there is no topic, and none is to be created
		{[]string{"events", "--dsn", "nonsense"}, exitFailed, "--dsn: "},
		{[]string{"events", "--dsn", "app@tcp(127.0.0.1:1)/orders"}, exitFailed, "connect to 127.0.0.1:1: "},
	} {
		var out, errs safeBuffer
		args := append([]string{
			test.args[0], "--dsn", e.db.DSN, "--brokers", strings.Join(e.broker.Addrs(), ","), "--topic", "orders",
		}, test.args[1:]...)
		require.Equal(t, test.code, run(t.Context(), args, &out, &errs), "%v", test.args)
		require.Contains(t, errs.String(), test.want)
		require.Empty(t, e.topics())
	}
	var out, errs safeBuffer
	require.Equal(t, exitOK, run(t.Context(), []string{"--help"}, &out, &errs))
	require.Contains(t, out.String(), "Without --apply nothing is changed.")
}

// safeBuffer may be written by another goroutine than the one that reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
