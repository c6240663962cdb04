package sqlcursor_test

import (
	"context"
	"database/sql"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

// A partition of Kafka is consumed into a table of PostgreSQL. See the examples in sqltest for what runs.
func ExampleCursors_Transact() {
	run := func(ctx context.Context, kafka []kgo.Opt, db *sql.DB) error {
		cursors, err := sqlcursor.Open(db, sqlcursor.PostgreSQL)
		if err != nil {
			return err
		}
		if err := cursors.Create(ctx); err != nil { // or run what sqlcursor.Schema returns
			return err
		}
		orders := kafkastream.NewPartition(kafka, "orders", 0)
		of := cursors.Bind(orders)
		billing := reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
			return of.Transact(ctx, "billing", e.ID, func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, "update balance set amount = amount + 1 where customer = $1", e.ForeignID)
				return err // nil commits the update together with the cursor
			})
		})
		return reflex.Run(ctx, reflex.NewSpec(orders.Stream, of, billing))
	}
	_ = run
}
