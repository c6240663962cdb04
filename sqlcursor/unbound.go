package sqlcursor

import (
	"context"
	"database/sql"
)

// GetCursor is that of Bind(nil).
func (s *Store) GetCursor(ctx context.Context, consumerName string) (string, error) {
	return s.unbound.GetCursor(ctx, consumerName)
}

// SetCursor is that of Bind(nil).
func (s *Store) SetCursor(ctx context.Context, consumerName, cursor string) error {
	return s.unbound.SetCursor(ctx, consumerName, cursor)
}

// SetCursorTx is that of Bind(nil).
func (s *Store) SetCursorTx(ctx context.Context, tx *sql.Tx, consumerName, cursor string) error {
	return s.unbound.SetCursorTx(ctx, tx, consumerName, cursor)
}

// Transact is that of Bind(nil).
func (s *Store) Transact(ctx context.Context, consumerName, cursor string, logic func(context.Context, *sql.Tx) error) error {
	return s.unbound.Transact(ctx, consumerName, cursor, logic)
}

// Flush has nothing to do, as SetCursor writes.
func (s *Store) Flush(ctx context.Context) error { return s.unbound.Flush(ctx) }
