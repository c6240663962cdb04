package sqlcursor

import (
	"context"
	"database/sql"
	"strings"

	"github.com/luno/jettison/errors"
)

// Create creates the table if it is missing, and tries out whether the one that is there keeps cursors
// apart, whole, and in transactions. It may be called by many processes at once, and with a user who may
// not create tables where there is one. Where the schema is kept elsewhere it need not be called.
func (s *Store) Create(ctx context.Context) error {
	err := s.attempt(ctx, Key{}, s.shape)
	if errors.Is(err, ErrSchema) {
		createErr := s.attempt(ctx, Key{}, func(ctx context.Context) error {
			_, err := s.db.ExecContext(ctx, s.sql.create)
			return err
		})
		// Somebody else may have created it at the same time, which PostgreSQL calls an error.
		err = s.attempt(ctx, Key{}, s.shape)
		if err != nil && createErr != nil {
			return createErr
		}
	}
	if err != nil {
		return err
	}
	return s.try(ctx)
}

// shape asks for all columns.
func (s *Store) shape(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, s.sql.shape)
	if err != nil {
		return err
	}
	return errors.Join(rows.Err(), rows.Close())
}

// trial is a finding about the table, which is none of the database's errors.
type trial struct{ found string }

func (t trial) Error() string { return t.found }

// try inserts rows that a table which folds names, cuts texts or has no key would confuse, and rolls
// them back.
func (s *Store) try(ctx context.Context) error {
	var topic string
	err := s.attempt(ctx, Key{}, func(ctx context.Context) error {
		topic = strings.Repeat("~", maxTopic-maxOwner) + newOwner() // no topic of Kafka's has a ~, and each attempt its own
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		return s.tryIn(ctx, tx, topic)
	})
	var found trial
	if errors.As(err, &found) {
		err = nil
	}
	if err != nil {
		return err
	}
	kept, err := s.kept(ctx, topic)
	if err != nil {
		return err
	}
	if kept {
		found.found = "a table without transactions"
	}
	if found.found == "" {
		return nil
	}
	return s.complaint(Key{}, &Error{
		Kind: ErrSchema, Asked: "the table of Schema", Found: found.found, Do: "move its rows to one that Create has created",
	})
}

func (s *Store) tryIn(ctx context.Context, tx *sql.Tx, topic string) error {
	name, cursor := strings.Repeat("x", maxConsumer-1), strings.Repeat("c", maxCursor)
	insert := func(consumer string) error {
		_, err := tx.ExecContext(ctx, s.sql.probe, consumer, topic, 0, cursor, newOwner())
		return err
	}
	for _, consumer := range []string{name + "x", name + "X"} {
		if err := insert(consumer); err != nil {
			return s.tried("one that doesn't take names that differ by case, or long ones", err)
		}
		var r row
		if err := r.scan(tx.QueryRowContext(ctx, s.sql.look, consumer, topic, 0).Scan); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if r.consumer != consumer || r.topic != topic || r.cursor.String != cursor {
			return trial{found: "one that cuts texts or changes them"}
		}
	}
	// The last statement: where it fails, as it must, PostgreSQL takes no other.
	if err := insert(name + "x"); err == nil {
		return trial{found: "one without its primary key"}
	} else if kind := classify(s.dialect, err); !errors.Is(kind, ErrRefused) {
		return err
	}
	return nil
}

// tried makes a finding of what the database refused, and leaves other errors alone.
func (s *Store) tried(found string, err error) error {
	if errors.Is(classify(s.dialect, err), ErrRefused) {
		return trial{found: found + ": " + err.Error()}
	}
	return err
}

// kept reports whether the rows of a trial are there although they were rolled back, as an engine without transactions
// does it, and removes them.
func (s *Store) kept(ctx context.Context, topic string) (kept bool, err error) {
	err = s.attempt(ctx, Key{}, func(ctx context.Context) error {
		var n int
		if err := s.db.QueryRowContext(ctx, s.sql.count, topic).Scan(&n); err != nil || n == 0 {
			return err
		}
		kept = true
		_, err := s.db.ExecContext(ctx, s.sql.forget, topic)
		return err
	})
	return kept, err
}
