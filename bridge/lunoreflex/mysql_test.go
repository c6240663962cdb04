package lunoreflex_test

import (
	"context"
	"database/sql"
	"strconv"
	"testing"
	"time"

	luno "github.com/luno/reflex"
	"github.com/luno/reflex/rsql"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/bridge/lunoreflex/bridgetest"
	"github.com/kreflex/kreflex/bridge/lunoreflex/internal/mysqltest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

// tables are an rsql events table and a cursors table.
type tables struct {
	db      mysqltest.Database
	events  *rsql.EventsTable
	cursors rsql.CursorsTable
}

func newTables(tb testing.TB) *tables {
	tb.Helper()
	db := mysql.Database(tb)
	db.CreateEvents(tb, "events")
	db.CreateCursors(tb, "cursors")
	return &tables{
		db:      db,
		events:  rsql.NewEventsTable("events", rsql.WithEventMetadataField("metadata"), rsql.WithEventsBackoff(5*time.Millisecond)),
		cursors: rsql.NewCursorsTable("cursors"),
	}
}

// append inserts the events in one transaction.
func (t *tables) append(ctx context.Context, events ...luno.Event) ([]string, error) {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	ids := make([]string, len(events))
	for i, e := range events {
		if ids[i], err = t.insert(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	return ids, tx.Commit()
}

func (t *tables) insert(ctx context.Context, tx *sql.Tx, e luno.Event) (string, error) {
	notify, err := t.events.InsertWithMetadata(ctx, tx, e.ForeignID, e.Type, e.MetaData)
	if err != nil {
		return "", err
	}
	defer notify()
	var id int64
	err = tx.QueryRowContext(ctx, "select last_insert_id()").Scan(&id)
	return strconv.FormatInt(id, 10), err
}

// The same consumers as on Kafka: what they see there is what they see here.
func TestLunoConsumersOnMySQL(t *testing.T) {
	bridgetest.RunConsumerTests(t, func(tb testing.TB) bridgetest.Backend {
		tb.Helper()
		tables := newTables(tb)
		return bridgetest.Backend{
			Stream: tables.events.ToStream(tables.db.DB),
			Append: tables.append,
			OpenCursors: func(testing.TB) luno.CursorStore {
				return tables.cursors.Clone().ToStore(tables.db.DB)
			},
		}
	})
}

// An events table keeps the contract of kreflex, but for what luno/reflex doesn't do: it keeps no
// timestamps, its foreign IDs are texts, and it looks for the head late.
func TestEventsTableKeepsTheContract(t *testing.T) {
	reflextest.RunStreamTests(t, reflextest.StreamHarness{
		New: func(tb testing.TB) reflextest.Source {
			tb.Helper()
			tables := newTables(tb)
			return reflextest.Source{
				Stream: lunoreflex.FromLunoStream(tables.events.ToStream(tables.db.DB)),
				Append: func(ctx context.Context, events ...reflex.Event) ([]string, error) {
					theirs := make([]luno.Event, len(events))
					for i := range events {
						theirs[i] = *lunoreflex.ToLunoEvent(&events[i])
					}
					return tables.append(ctx, theirs...)
				},
			}
		},
		Live:          true,
		ToHead:        true,
		Lag:           true,
		Cancel:        true,
		IntegerIDs:    true,
		BadCursors:    []string{"x"},
		EmptyMetaData: true,
	})
}

func TestCursorsTableKeepsTheContract(t *testing.T) {
	for name, opt := range map[string][]rsql.CursorsOption{
		"asynchronous": nil,
		"synchronous":  {rsql.WithCursorAsyncDisabled()},
	} {
		t.Run(name, func(t *testing.T) {
			reflextest.RunCursorStoreTests(t, reflextest.CursorStoreHarness{
				New: func(tb testing.TB) reflextest.CursorBackend {
					tb.Helper()
					tables := newTables(tb)
					open := func(testing.TB) reflex.CursorStore {
						return lunoreflex.FromLunoCursors(tables.cursors.Clone(opt...).ToStore(tables.db.DB))
					}
					return reflextest.CursorBackend{Store: open(tb), Reopen: open}
				},
				ReadYourWrites: opt != nil,
				Monotonic:      opt != nil,
			})
		})
	}
}

// kreflex's Run consumes an events table and keeps its cursor in a cursors table.
func TestRunOnMySQL(t *testing.T) {
	tables := newTables(t)
	events := make([]luno.Event, 100)
	for i := range events {
		events[i] = luno.Event{ForeignID: strconv.Itoa(i), Type: eventType(1), MetaData: []byte{byte(i)}}
	}
	ids, err := tables.append(t.Context(), events...)
	require.NoError(t, err)

	var (
		seen   []string
		failed = make(map[string]bool)
	)
	run := func() error {
		consumer := reflex.NewConsumer(t.Name(), func(_ context.Context, e *reflex.Event) error {
			if e.IDInt()%9 == 0 && !failed[e.ID] {
				failed[e.ID] = true
				return errConsumer
			}
			require.Len(t, e.MetaData, 1)
			seen = append(seen, e.ID)
			return nil
		})
		return reflex.Run(t.Context(), reflex.NewSpec(
			lunoreflex.FromLunoStream(tables.events.ToStream(tables.db.DB)),
			lunoreflex.FromLunoCursors(tables.cursors.Clone().ToStore(tables.db.DB)),
			consumer, reflex.WithStreamToHead()))
	}
	for range 11 { // 9, 18, ..., 99
		require.ErrorIs(t, run(), errConsumer)
	}
	err = run()
	require.True(t, reflex.IsHeadReachedErr(err), "%v", err)
	require.Equal(t, ids, seen, "each once and in order")

	// And those of luno/reflex go on from where it ended.
	cursor, err := tables.cursors.ToStore(tables.db.DB).GetCursor(t.Context(), t.Name())
	require.NoError(t, err)
	require.Equal(t, ids[len(ids)-1], cursor)
}
