// Package sqlcursor keeps the cursors of reflex consumers in a table of PostgreSQL, MySQL, MariaDB or
// SQLite, so that what an event does there and its cursor are committed in one transaction.
//
//	cursors, err := sqlcursor.Open(db, sqlcursor.PostgreSQL)
//	if err != nil {
//		return err
//	}
//	if err := cursors.Create(ctx); err != nil { // creates or validates the table
//		return err
//	}
//	of := cursors.Bind(orders)
//	spec := reflex.NewSpec(orders.Stream, of, reflex.NewConsumer("billing", func(ctx context.Context, e *reflex.Event) error {
//		return of.Transact(ctx, "billing", e.ID, func(ctx context.Context, tx *sql.Tx) error {
//			return bill(ctx, tx, e)
//		})
//	}))
//
// It needs no driver, only database/sql. The drivers it is tested with are pgx, go-sql-driver/mysql and
// modernc.org/sqlite.
//
// # Guarantees
//
// A cursor never runs ahead of the work: what is stored was set, after its event
// was consumed. Whatever fails here makes events come again and loses none.
//
// What an event does in the transaction of Transact, or in one of its own with SetCursorTx, is done exactly
// once: not by two processes that run the consumer, not twice after a crash, not again where the answer to a
// commit was lost, and never without its cursor. That is so for cursors that are decimal numbers,
// as those of Kafka are, and for others as long as one reflex.Run at a time uses a Store for the consumer.
//
// GetCursor returns the cursor that was committed last. It waits for a transaction that has set the cursor and is
// not over.
//
// SetCursor writes at once, and the cursor is durable when it returns. Nothing is buffered, so Flush has
// nothing to do, and there is no Close.
//
// Within an ownership a cursor that is a decimal number never goes back. They are compared
// as numbers of any size, up to an @, see Log. Other cursors have no order: the last wins.
//
// All methods end soon after their context, and after WithTimeout without one, also when others hold
// locks. That is as true as the driver is.
//
// # Ownership
//
// GetCursor takes a consumer over: it raises the epoch in the row, and writes which Store has it.
// SetCursor of a consumer that was never taken over does so first; SetCursorTx and Transact return
// ErrNotOwned. Two Stores are two owners, in one process too.
//
// All that sets a cursor is an update on the condition that the row has the Store's own epoch. Whoever has lost the
// consumer gets ErrSuperseded, and since that is an error of the logic's transaction, what it did goes with it.
// This is also how Reset and Delete reach a consumer that runs: its Run ends, and the next
// goes on from the cursor that the operator set.
//
// # Commits
//
// SetCursorTx can't see whether its transaction commits, so the SetCursor of reflex.Run behind it looks. What it
// may find is that the logic returned nil without a commit: ErrNotCommitted, at which Run ends, and the
// event comes again. Transact commits itself and knows.
//
//	set by        SetCursor of the same event costs   beside the logic's own statements
//	Transact      nothing                             an update in the transaction
//	SetCursorTx   a query by primary key              an update in the transaction
//	nobody        an update and its commit
//
// Patterns that skip an event whose logic failed, such as dead letters, need Transact: after a SetCursorTx that was
// rolled back, SetCursor of that event is refused. Consumers must handle their events in order; those
// that handle them concurrently set cursors when they can, with SetCursor.
//
// # Non-guarantees
//
// What is done outside of the database may be done again.
//
// Nothing keeps two processes from running a consumer at the same time. They take it from each other.
//
// Logic that goes on in spite of an error of SetCursorTx, and commits, is on its own.
//
// MySQL may go on with a SetCursor that was given up while it waited for a lock: the cursor is written
// later, if nobody has taken the consumer over and none is set behind it.
//
// An answer of a replica may be old: give Open the database that is written to.
//
// # Errors
//
// They are *Error, whose kind is one of the Err variables, or that of the context.
// IsPermanent tells those that need somebody to do something. Statements of their own are
// tried again within the timeout when the database reports a deadlock, a serialization failure or SQLite's
// busy; in a transaction of the logic that is ErrConflict. The logic's own errors are never
// changed.
//
// # The table
//
// Any tool reads it. The rows are found by consumer, topic and partition, see Key; topic is empty without
// For. The texts are escaped by url.PathEscape, which changes no cursor of Kafka and few names, so that
// names which differ by case, by spaces at the end or by accents are apart in any collation. A cursor that is
// null is none: the consumer was taken over and set none yet, or was deleted. Whoever writes a
// cursor by hand has to raise the epoch:
//
//	update cursors set cursor = '7', epoch = epoch + 1 where consumer = 'billing'
//
// Names of columns that are words of MySQL need `backticks` there. The times are those of the database, in MySQL in
// UTC. Consumers have up to 1000 bytes, topics 255, cursors 4096, as escaped; what is longer is an
// error and never cut.
//
// Transactions may have any isolation level. In PostgreSQL from repeatable read on, and in SQLite when the transaction
// begins without a lock (see _txlock of its drivers), a consumer that is taken over may see ErrConflict in place of
// ErrSuperseded. SQLite needs a file, not memory, as each connection has a memory of its own.
//
// # Concurrency
//
// A Store, and what For and Bind return, are safe for concurrent use. There are no goroutines but those of
// database/sql.
package sqlcursor
