package main

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/luno/reflex/rsql"
	"github.com/twmb/franz-go/pkg/kgo"
)

// place is what both commands are about: a database, and a partition.
type place struct {
	DSN       string   `required:"" env:"MYSQL_DSN" placeholder:"USER:PASSWORD@tcp(HOST:3306)/DB" help:"The database, as the Go driver for MySQL understands it."`
	Brokers   []string `required:"" placeholder:"HOST:PORT" help:"Brokers of the Kafka cluster."`
	Topic     string   `required:"" help:"The topic that the events are copied into."`
	Partition int32    `default:"0" help:"Its partition."`
	Apply     bool     `help:"Do it. By default it is only said what would be done."`
}

func (p place) kafka() []kgo.Opt { return []kgo.Opt{kgo.SeedBrokers(p.Brokers...)} }

const pingTimeout = 10 * time.Second

// open returns the database, which answers.
func (p place) open(ctx context.Context) (*sql.DB, error) {
	config, err := mysql.ParseDSN(p.DSN)
	if err != nil {
		return nil, errors.Wrap(err, "--dsn")
	}
	// What rsql expects.
	config.ParseTime = true
	config.Loc = time.UTC
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errors.Wrap(err, "--dsn")
	}
	db := sql.OpenDB(connector)
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(errors.Wrap(err, "connect to "+config.Addr), db.Close())
	}
	return db, nil
}

// eventsTable names an events table and its columns.
type eventsTable struct {
	Table          string        `default:"events" help:"The events table."`
	IDField        string        `default:"id" help:"Its column of IDs."`
	TimeField      string        `default:"timestamp" help:"Its column of timestamps."`
	TypeField      string        `default:"type" help:"Its column of types."`
	ForeignIDField string        `default:"foreign_id" help:"Its column of foreign IDs."`
	MetadataField  string        `help:"Its column of metadata, if it has one."`
	TraceField     string        `help:"Its column of traces, if it has one."`
	Poll           time.Duration `default:"1s" help:"How often the table is asked for new events with --follow."`
}

func (t eventsTable) rsql() *rsql.EventsTable {
	return rsql.NewEventsTable(t.Table, rsql.WithEventsBackoff(t.Poll),
		rsql.WithEventIDField(t.IDField), rsql.WithEventTimeField(t.TimeField), rsql.WithEventTypeField(t.TypeField),
		rsql.WithEventForeignIDField(t.ForeignIDField), rsql.WithEventMetadataField(t.MetadataField),
		rsql.WithEventTraceField(t.TraceField))
}

// extent returns how many events there are, and the range of their IDs.
func (t eventsTable) extent(ctx context.Context, db *sql.DB) (count, first, last int64, err error) {
	id := quote(t.IDField)
	err = db.QueryRowContext(ctx, "select count(*), coalesce(min("+id+"), 0), coalesce(max("+id+"), 0) from "+quote(t.Table)).
		Scan(&count, &first, &last)
	return count, first, last, errors.Wrap(err, "events table", j.KV("table", t.Table))
}

// gapAfter returns the first ID behind a gap, that is above the given one, or 0 if there is none.
func (t eventsTable) gapAfter(ctx context.Context, db *sql.DB, id int64) (int64, error) {
	field, table := quote(t.IDField), quote(t.Table)
	var found sql.NullInt64
	err := db.QueryRowContext(ctx, "select min(e."+field+") from "+table+" e left join "+table+" p on p."+field+" = e."+field+" - 1 "+
		"where e."+field+" > ? and p."+field+" is null", id).Scan(&found)
	return found.Int64, errors.Wrap(err, "events table", j.KV("table", t.Table))
}

// cursorsTable names a cursors table and its columns.
type cursorsTable struct {
	Table       string `default:"cursors" help:"The cursors table."`
	IDField     string `default:"id" help:"Its column of the names of consumers."`
	CursorField string `default:"last_event_id" help:"Its column of cursors."`
	TimeField   string `default:"updated_at" help:"Its column of timestamps."`
}

func (t cursorsTable) rsql() rsql.CursorsTable {
	return rsql.NewCursorsTable(t.Table, rsql.WithCursorAsyncDisabled(),
		rsql.WithCursorIDField(t.IDField), rsql.WithCursorCursorField(t.CursorField), rsql.WithCursorTimeField(t.TimeField))
}

// consumers returns the names of all that have a cursor.
func (t cursorsTable) consumers(ctx context.Context, db *sql.DB) (names []string, err error) {
	id := quote(t.IDField)
	rows, err := db.QueryContext(ctx, "select "+id+" from "+quote(t.Table)+" order by "+id)
	if err != nil {
		return nil, errors.Wrap(err, "cursors table", j.KV("table", t.Table))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, errors.Wrap(err, "cursors table", j.KV("table", t.Table))
		}
		names = append(names, name)
	}
	return names, errors.Wrap(rows.Err(), "cursors table", j.KV("table", t.Table))
}

// quote makes a name one that SQL takes as it is; that of a table may say which database it is in.
func quote(name string) string {
	parts := strings.Split(strings.ReplaceAll(name, "`", ""), ".")
	return "`" + strings.Join(parts, "`.`") + "`"
}
