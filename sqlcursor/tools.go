package sqlcursor

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
)

// Peek returns the cursor as the table has it, and whether there is one, without taking
// the consumer over.
func (s *Store) Peek(ctx context.Context, key Key) (Entry, bool, error) {
	sl, err := s.stranger(key)
	if err != nil {
		return Entry{}, false, err
	}
	r, err := s.look(ctx, sl)
	if err != nil || !r.cursor.Valid {
		return Entry{}, false, err
	}
	e := s.export(r)
	if e.Err != nil {
		return Entry{}, false, e.Err
	}
	return e, true, nil
}

// List returns all cursors that the table has, in order of their keys. A row that is
// not that of a cursor has Entry.Err.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	var entries []Entry
	err := s.attempt(ctx, Key{}, func(ctx context.Context) (err error) {
		entries = nil
		rows, err := s.db.QueryContext(ctx, s.sql.list)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what counts is rows.Err
		for rows.Next() {
			var r row
			if err := r.scan(rows.Scan); err != nil {
				return err
			}
			entries = append(entries, s.export(r))
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(a.Key.Consumer, b.Key.Consumer), cmp.Compare(a.Key.Topic, b.Key.Topic),
			cmp.Compare(a.Key.Partition, b.Key.Partition))
	})
	return entries, nil
}

// Delete removes the cursor: the consumer begins at the start. One that runs gets
// ErrSuperseded. Deleting what isn't there is no error.
//
// The row stays, without a cursor, so that its epoch doesn't begin anew.
func (s *Store) Delete(ctx context.Context, key Key) error {
	return s.overrule(ctx, key, func(sl *slot, owner string) (string, []any) {
		return s.sql.remove, sl.args([]any{owner})
	})
}

// Reset sets the cursor to what an operator wants, back or forth; "" is the start.
// It overrules whoever has the consumer: one that runs gets ErrSuperseded, and goes on
// from there when it is run again. The text is not checked but for its length: it is for the
// stream to understand.
func (s *Store) Reset(ctx context.Context, key Key, cursor string) error {
	text := escape(cursor)
	if len(text) > maxCursor {
		return s.complaint(key, &Error{Kind: ErrBadCursor, Asked: tooLong("a cursor", text, maxCursor), Do: "use a shorter one"})
	}
	return s.overrule(ctx, key, func(sl *slot, owner string) (string, []any) {
		return s.sql.overrule, sl.args(nil, text, owner, text, owner)
	})
}

// overrule changes a row as an owner that nobody is, so that this Store is overruled too.
func (s *Store) overrule(ctx context.Context, key Key, statement func(*slot, string) (string, []any)) error {
	sl, err := s.stranger(key)
	if err != nil {
		return err
	}
	query, args := statement(sl, newOwner())
	return s.attempt(ctx, key, func(ctx context.Context) error {
		return s.inTx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		})
	})
}
