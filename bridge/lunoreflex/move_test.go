package lunoreflex_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	luno "github.com/luno/reflex"
	"github.com/luno/reflex/rsql"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

const (
	moveTimeout = 5 * time.Minute
	// perTransaction is how many events the writer inserts at once.
	perTransaction = 100
	// rollbackEach is after how many transactions one is rolled back. It leaves a gap in the IDs, that rsql fills
	// with events which nobody is shown.
	rollbackEach = 40
)

// A service moves house while it works: a writer inserts events into MySQL all the time, a copy follows it to
// Kafka, and the consumers, unchanged luno/reflex all of them, are moved one after the other. Each
// consumes every event, in order, and the first on Kafka is the one after its stored cursor: one that was stopped
// repeats nothing, and one that crashed what it had not stored.
func TestMovingFromMySQLToKafkaWhileAllRun(t *testing.T) {
	events, consumers := 100_000, 20
	if testing.Short() {
		events, consumers = 10_000, 6
	}
	m := newMove(t, events)
	m.start("writer", m.write)
	m.start("copy", m.copy)
	var all []*moved
	for i := range consumers {
		c := m.newConsumer(fmt.Sprintf("consumer-%02d", i))
		all = append(all, c)
		c.startOnMySQL(i%3 == 2)
	}

	for i, c := range all {
		// They move while the middle of the events is written.
		m.await("the writer", func() bool { return m.written.Load() > int64(events*(i+consumers/2)/(2*consumers)) })
		m.await(c.name, func() bool { return c.count.Load() > 0 })
		c.stop()
		repeats := c.moveCursor()
		t.Logf("%s: moved at event %d of %d written, %d to repeat", c.name, c.count.Load(), m.written.Load(), repeats)
		c.startOnKafka(i%2 == 0, repeats)
	}
	for _, c := range all {
		m.await(c.name, func() bool { return c.count.Load() == int64(events) })
		c.stop()
	}
	m.cancel()
	require.NoError(t, m.group.wait())
	for _, c := range all {
		c.requireAllConsumed()
	}
}

// move is a service with a database, a Kafka, and what runs beside its consumers.
type move struct {
	*testing.T
	*tables
	ctx    context.Context
	cancel context.CancelFunc
	log    *kafkaLog
	total  int
	group  group

	written atomic.Int64   // how many events are committed
	ids     []atomic.Int64 // those in MySQL, by the number of the event, of what was consumed there
}

// moveTopic is not made by newLog: the copy makes it.
const moveTopic = "moved"

func newMove(t *testing.T, total int) *move {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), moveTimeout)
	t.Cleanup(cancel)
	m := &move{T: t, tables: newTables(t), ctx: ctx, cancel: cancel, log: newLog(t), total: total, ids: make([]atomic.Int64, total)}
	m.log.orders = kafkastream.NewPartition(m.log.broker.Opts(), moveTopic, 0, kafkastream.WithDecoder(migrate.Decoder(nil)))
	m.events = m.events.Clone(rsql.WithEventsBackoff(50 * time.Millisecond)) // so many consumers ask the database
	rsql.FillGaps(m.db.DB, m.events)
	t.Cleanup(func() { rsql.StopFillingGaps(context.Background(), m.events) })
	return m
}

// start runs what has to end without an error, or with the move.
func (m *move) start(name string, run func() error) {
	m.group.start(func() error {
		err := run()
		if err != nil && (m.ctx.Err() == nil || !errors.Is(err, context.Canceled)) {
			m.cancel()
			return errors.Wrap(err, name)
		}
		return nil
	})
}

// write inserts all events. The foreign ID of one is its number.
func (m *move) write() error {
	for n, transactions := 0, 1; n < m.total; transactions++ {
		tx, err := m.db.BeginTx(m.ctx, nil)
		if err != nil {
			return err
		}
		size := min(perTransaction, m.total-n)
		for i := range size {
			number := strconv.Itoa(n + i)
			if _, err := m.events.InsertWithMetadata(m.ctx, tx, number, eventType(1), []byte(number)); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		if transactions%rollbackEach == 0 {
			if err := tx.Rollback(); err != nil {
				return err
			}
			continue
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		n += size
		m.written.Store(int64(n))
	}
	return nil
}

// copy follows the events table until the move is over.
func (m *move) copy() error {
	_, err := migrate.Copy(m.ctx, lunoreflex.FromLunoStream(m.events.ToStream(m.db.DB)), m.log.broker.Opts(), moveTopic, 0,
		migrate.WithFollow(), migrate.WithCreateTopic(1))
	return err
}

func (m *move) await(what string, ok func() bool) {
	m.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-m.ctx.Done():
			m.cancel()
			m.Fatalf("%s is not done: %v, %v", what, m.ctx.Err(), m.group.wait())
		}
	}
}

// moved is a consumer of luno/reflex, which is moved.
type moved struct {
	*move
	name     string
	consumer luno.Consumer
	crashes  bool // when it is stopped on MySQL

	cancel context.CancelFunc
	done   chan error

	count atomic.Int64 // the number behind the highest that was consumed

	// It belongs to the goroutine that consumes, until done.
	next int // the number that comes next
}

func (m *move) newConsumer(name string) *moved {
	c := &moved{move: m, name: name}
	c.consumer = luno.NewConsumer(name, c.consume, luno.WithoutConsumerActivityTTL())
	return c
}

// consume checks that the numbers are in order and without gaps, from the one that comes next.
func (c *moved) consume(_ context.Context, e *luno.Event) error {
	n, err := strconv.Atoi(e.ForeignID)
	if err != nil || string(e.MetaData) != e.ForeignID {
		return errors.New("not what was written: " + e.ForeignID)
	}
	if n != c.next {
		return errors.New(fmt.Sprintf("event %d where %d is expected", n, c.next))
	}
	c.next++
	if int64(n) >= c.count.Load() {
		c.count.Store(int64(n) + 1)
	}
	return nil
}

// startOnMySQL runs the consumer on the events table. One that crashes doesn't flush when it is stopped.
func (c *moved) startOnMySQL(crashes bool) {
	c.crashes = crashes
	store := c.cursors.Clone().ToStore(c.db.DB)
	if crashes {
		store = &crashingCursors{CursorStore: c.cursors.Clone(rsql.WithCursorAsyncDisabled()).ToStore(c.db.DB)}
	}
	note := luno.NewConsumer(c.name, func(ctx context.Context, e *luno.Event) error {
		if err := c.consumer.Consume(ctx, e); err != nil {
			return err
		}
		c.ids[e.ForeignIDInt()].Store(e.IDInt())
		return nil
	}, luno.WithoutConsumerActivityTTL())
	spec := luno.NewSpec(c.events.ToStream(c.db.DB), store, note)
	c.run(func(ctx context.Context) error { return luno.Run(ctx, spec) })
}

// startOnKafka runs the same consumer on the copy, with Run of luno/reflex or of kreflex.
func (c *moved) startOnKafka(lunoRun bool, repeats int) {
	c.next = int(c.count.Load()) - repeats
	cursors := c.log.openCursors(c).For(c.log.orders)
	if lunoRun {
		spec := luno.NewSpec(lunoreflex.ToLunoStream(c.log.orders.Stream), lunoreflex.ToLunoCursors(cursors), c.consumer)
		c.run(func(ctx context.Context) error { return luno.Run(ctx, spec) })
		return
	}
	spec := reflex.NewSpec(c.log.orders.Stream, cursors, lunoreflex.FromLunoConsumer(c.consumer))
	c.run(func(ctx context.Context) error { return reflex.Run(ctx, spec) })
}

func (c *moved) run(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(c.ctx)
	c.cancel, c.done = cancel, make(chan error, 1)
	c.start(c.name, func() error {
		err := run(ctx)
		c.done <- err
		if ctx.Err() == nil || !reflex.IsExpected(err) {
			return err
		}
		return nil
	})
}

// stop ends the run, which has to end with its context and nothing else.
func (c *moved) stop() {
	c.Helper()
	c.cancel()
	err := <-c.done
	require.True(c, reflex.IsExpected(err), "%s: %v", c.name, err)
}

// moveCursor moves the cursor of the consumer, and returns how many events are to be repeated. It is 0 where the
// consumer didn't crash.
func (c *moved) moveCursor() (repeats int) {
	c.Helper()
	from := lunoreflex.FromLunoCursors(c.cursors.ToStore(c.db.DB))
	mover := migrate.NewMover(migrate.Store(from), migrate.Copied(c.log.broker.Opts(), moveTopic, 0),
		migrate.Topic(c.log.openCursors(c), moveTopic, 0), migrate.WithWait(time.Minute))
	plan, err := mover.Plan(c.ctx, c.name)
	require.NoError(c, err)
	require.NoError(c, plan.Err())
	report, err := mover.Apply(c.ctx, plan)
	require.NoError(c, err)
	require.NoError(c, report.Err(), "%s", report)

	cursor, err := from.GetCursor(c.ctx, c.name)
	require.NoError(c, err)
	consumed := int(c.count.Load())
	if cursor == "" {
		require.True(c, c.crashes, "%s flushed nothing", c.name)
		return consumed
	}
	id, err := strconv.ParseInt(cursor, 10, 64)
	require.NoError(c, err)
	for repeats < consumed && c.ids[consumed-1-repeats].Load() != id {
		repeats++
	}
	require.Less(c, repeats, consumed, "%s: no event has the cursor %s", c.name, cursor)
	if !c.crashes {
		require.Zero(c, repeats, "%s was stopped, and flushed", c.name)
	}
	return repeats
}

// requireAllConsumed requires that the last run ended behind the last event, as consume has seen to all before.
func (c *moved) requireAllConsumed() {
	c.Helper()
	require.EqualValues(c, c.total, c.count.Load(), c.name)
	require.Equal(c, c.total, c.next, c.name)
	cursor, err := c.log.openCursors(c).For(c.log.orders).GetCursor(c.Context(), c.name)
	require.NoError(c, err)
	at, err := kafkastream.ParseCursor(cursor)
	require.NoError(c, err)
	require.NotZero(c, at.TopicID, "its cursor names the log")
}

// crashingCursors stores a cursor now and then, and does not get to store the last.
type crashingCursors struct {
	luno.CursorStore
	sets int
}

func (c *crashingCursors) SetCursor(ctx context.Context, name, cursor string) error {
	const storeEach = 317
	if c.sets++; c.sets%storeEach != 0 {
		return nil
	}
	return c.CursorStore.SetCursor(ctx, name, cursor)
}

func (*crashingCursors) Flush(context.Context) error { return nil }

// group waits for goroutines, and has their first error.
type group struct {
	running sync.WaitGroup
	mu      sync.Mutex
	err     error
}

func (g *group) start(run func() error) {
	g.running.Go(func() {
		if err := run(); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.err == nil {
				g.err = err
			}
		}
	})
}

func (g *group) wait() error {
	g.running.Wait()
	return g.err
}
