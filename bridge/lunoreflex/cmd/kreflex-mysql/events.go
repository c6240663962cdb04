package main

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
)

// errGap is returned when events are left behind a gap.
var errGap = errors.New("rsql delivers nothing behind a gap in the IDs until it is filled: run rsql.FillGaps on the table, "+
	"as the services that write to it do, and copy again", j.C("ERR_5325b3c945142373"))

type eventsCommand struct {
	place
	eventsTable
	Follow   bool  `help:"Go on with what is inserted, until interrupted. By default it ends when there is no more."`
	Create   bool  `help:"Create the topic if there is none, with one partition, and so that nothing is ever deleted."`
	Replicas int16 `default:"-1" help:"How many replicas it has then. By default the brokers decide."`
}

// Run copies the events, or says what there is to copy.
func (c *eventsCommand) Run(ctx context.Context, out output) (err error) {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if !c.Apply {
		return c.explain(ctx, db, out)
	}
	options := []migrate.CopyOption{migrate.WithProgress(report(out))}
	if c.Follow {
		options = append(options, migrate.WithFollow())
	}
	if c.Create {
		options = append(options, migrate.WithCreateTopic(c.Replicas))
	}
	source := lunoreflex.FromLunoStream(c.rsql().ToStream(db))
	progress, err := migrate.Copy(ctx, source, c.kafka(), c.Topic, c.Partition, options...)
	_, _ = fmt.Fprintf(out, "%d copied, from after ID %s up to ID %s at offset %d\n",
		progress.Copied, orNone(progress.After), orNone(progress.LastID), progress.LastOffset)
	if err != nil {
		if c.Follow && ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // as it was asked to
		}
		return err
	}
	return c.requireNoGap(ctx, db, progress.LastID)
}

// explain says what there is on both sides.
func (c *eventsCommand) explain(ctx context.Context, db *sql.DB, out output) error {
	count, first, last, err := c.extent(ctx, db)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "table %s: %d events, IDs %d to %d\n", c.Table, count, first, last)
	gap, err := c.gapAfter(ctx, db, first)
	if err != nil {
		return err
	}
	if gap > 0 {
		_, _ = fmt.Fprintf(out, "There is a gap before ID %d. If nobody fills it the copy ends there.\n", gap)
	}
	offsets, err := kafkastream.NewPartition(c.kafka(), c.Topic, c.Partition).Offsets(ctx)
	switch {
	case err == nil:
		_, _ = fmt.Fprintf(out, "partition %s/%d: offsets %d to %d\n", c.Topic, c.Partition, offsets.Start, offsets.LastStable)
	case c.Create && errors.Is(err, kafkastream.ErrUnknownTopic):
		_, _ = fmt.Fprintf(out, "partition %s/%d: would be created\n", c.Topic, c.Partition)
	default:
		return err
	}
	_, _ = fmt.Fprintln(out, "Nothing was changed. Add --apply to copy.")
	return nil
}

// requireNoGap tells the end of the events from a place where rsql has stopped to wait. To a stream that
// ends at the head the two are the same.
func (c *eventsCommand) requireNoGap(ctx context.Context, db *sql.DB, lastID string) error {
	_, after, _, err := c.extent(ctx, db)
	if err != nil {
		return err
	}
	if lastID != "" {
		if after, err = strconv.ParseInt(lastID, 10, 64); err != nil {
			return errors.Wrap(err, "ID copied last", j.KV("id", lastID))
		}
	}
	gap, err := c.gapAfter(ctx, db, after)
	if err != nil || gap == 0 {
		return err
	}
	return errors.Wrap(errGap, fmt.Sprintf("events from ID %d on are not copied", gap))
}

// report returns a function that says how far it is, every few seconds.
func report(out output) func(migrate.Progress) {
	const every = 5 * time.Second
	last := time.Now()
	return func(p migrate.Progress) {
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		_, _ = fmt.Fprintf(out, "%d copied, up to ID %s, which was %s old\n", p.Copied, p.LastID, p.Lag.Round(time.Millisecond))
	}
}

func orNone(id string) string {
	if id == "" {
		return "-"
	}
	return id
}
