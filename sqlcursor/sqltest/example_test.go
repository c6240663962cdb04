package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/sqlcursor"
)

// openExample opens a database that is removed in the end.
func openExample() (*sql.DB, func(), error) {
	dir, err := os.MkdirTemp("", "kreflex-example-")
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite", sqliteDSN(filepath.Join(dir, "db")))
	return db, func() { _, _ = db.Close(), os.RemoveAll(dir) }, err
}

// The balance and the cursor are committed together, so a crash at any moment neither loses nor repeats a payment.
func Example() {
	ctx := context.Background()
	db, closeDB, err := openExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeDB()
	_, err = db.ExecContext(ctx, "create table balance (amount integer)")
	_, err2 := db.ExecContext(ctx, "insert into balance values (0)")
	cursors, err3 := sqlcursor.Open(db, sqlcursor.SQLite)
	if err := errors.Join(err, err2, err3); err != nil {
		fmt.Println(err)
		return
	}
	if err := cursors.Create(ctx); err != nil {
		fmt.Println(err)
		return
	}

	stream := reflex.NewMockStream([]*reflex.Event{
		{ID: "1", MetaData: []byte("30")}, {ID: "2", MetaData: []byte("12")},
	}, errors.New("end of the events"))
	consumer := reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
		err := cursors.Transact(ctx, "billing", e.ID, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "update balance set amount = amount + cast(? as integer)", string(e.MetaData))
			return err
		})
		if err == nil && e.ID == "1" {
			return errors.New("crash behind the commit")
		}
		return err
	})
	for range 2 {
		fmt.Println(reflex.Run(ctx, reflex.NewSpec(stream, cursors, consumer)))
	}
	var amount int
	err = db.QueryRowContext(ctx, "select amount from balance").Scan(&amount)
	fmt.Println("balance:", amount, err)
	// Output:
	// consume error: crash behind the commit
	// recv error: end of the events
	// balance: 42 <nil>
}

// Logic that has its transaction from elsewhere sets the cursor in it, last.
func ExampleCursors_SetCursorTx() {
	ctx := context.Background()
	db, closeDB, err := openExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeDB()
	former, err := sqlcursor.Open(db, sqlcursor.SQLite)
	latter, err2 := sqlcursor.Open(db, sqlcursor.SQLite) // as in another process
	if err := errors.Join(err, err2, former.Create(ctx)); err != nil {
		fmt.Println(err)
		return
	}
	consume := func(cursors *sqlcursor.Store, id string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		// ... what the event does, in tx
		if err := cursors.SetCursorTx(ctx, tx, "billing", id); errors.Is(err, sqlcursor.ErrAlreadySet) {
			return nil
		} else if err != nil {
			return err
		}
		return tx.Commit()
	}

	_, err = former.GetCursor(ctx, "billing") // as reflex.Run does
	fmt.Println("former:", errors.Join(err, consume(former, "1")))
	fmt.Println("again:", consume(former, "1"))
	cursor, err := latter.GetCursor(ctx, "billing")
	fmt.Println("latter goes on from", cursor, err)
	fmt.Println("former is refused:", errors.Is(consume(former, "2"), sqlcursor.ErrSuperseded))
	fmt.Println("latter:", consume(latter, "2"))
	// Output:
	// former: <nil>
	// again: <nil>
	// latter goes on from 1 <nil>
	// former is refused: true
	// latter: <nil>
}

// An operator sets a consumer back.
func ExampleStore_Reset() {
	ctx := context.Background()
	db, closeDB, err := openExample()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closeDB()
	cursors, err := sqlcursor.Open(db, sqlcursor.SQLite, sqlcursor.WithTable("service_cursors"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cursors.Create(ctx), cursors.SetCursor(ctx, "billing", "8"))
	fmt.Println(cursors.Reset(ctx, sqlcursor.Key{Consumer: "billing"}, "3"))
	entries, err := cursors.List(ctx)
	for _, e := range entries {
		fmt.Println(e.Key, e.Cursor, err)
	}
	fmt.Println(errors.Is(cursors.SetCursor(ctx, "billing", "9"), sqlcursor.ErrSuperseded))
	// Output:
	// <nil> <nil>
	// <nil>
	// billing 3 <nil>
	// true
}
