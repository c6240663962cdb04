package sqlcursor

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"strings"
	"sync"

	"github.com/kreflex/kreflex/reflex"
)

var _ reflex.CursorStore = (*Store)(nil)

// Store keeps cursors in a table of a database. It is safe for concurrent use. It holds nothing
// that had to be closed: the database is the caller's.
//
// As a reflex.CursorStore its cursors belong to a consumer alone, are any text, and are
// the text that was set. Use For or Bind to have them belong to a consumer's position in a log.
type Store struct {
	unbound *Cursors // of no log

	db      *sql.DB
	dialect Dialect
	sql     statements
	config  config
	owner   string // tells this Store from others

	mu    sync.RWMutex
	slots map[Key]*slot
}

// slot is the one place in a Store for a cursor.
type slot struct {
	key             Key
	consumer, topic string // escaped

	// turn is held while the cursor is acquired, so that no answer overtakes another. It is a
	// channel so that waiting for it can end with a context.
	turn chan struct{}

	mu        sync.Mutex
	ownership ownership
}

// Open returns the store in the table, which Create creates. It contacts nobody. The database
// must be the one that is written to: of a replica, what is read may be old.
//
// What is wrong with the arguments is an *Error: ErrInvalidOption.
func Open(db *sql.DB, dialect Dialect, opts ...Option) (*Store, error) {
	c, statements, err := resolve(db, dialect, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, dialect: dialect, sql: statements, config: c, owner: newOwner(), slots: make(map[Key]*slot)}
	s.unbound = &Cursors{store: s}
	return s, nil
}

// newOwner returns a name that nobody else has.
func newOwner() string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
}

// For returns Bind(log) as a reflex.CursorStore.
func (s *Store) For(log Log) reflex.CursorStore { return s.Bind(log) }

// Bind returns the cursors of consumers of a log. They are kept by consumer, topic and
// partition, and carry the identity of the log, see Log.
//
// It may be called as often as one likes: the cursors are the Store's.
func (s *Store) Bind(log Log) *Cursors { return &Cursors{store: s, log: log} }

// slot returns that of the key, and makes it if there is none.
func (s *Store) slot(key Key) (*slot, error) {
	s.mu.RLock()
	sl := s.slots[key]
	s.mu.RUnlock()
	if sl != nil {
		return sl, nil
	}
	sl, err := s.stranger(key)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.slots[key]; known != nil {
		return known, nil
	}
	s.slots[key] = sl
	return sl, nil
}

// stranger returns a slot of the key that the store doesn't own or keep.
func (s *Store) stranger(key Key) (*slot, error) {
	if err := key.valid(); err != nil {
		s.named(err)
		return nil, err
	}
	return &slot{key: key, consumer: escape(key.Consumer), topic: escape(key.Topic), turn: make(chan struct{}, 1)}, nil
}

// args are the arguments of a statement that begins with the key, or ends with it.
func (sl *slot) args(before []any, after ...any) []any {
	args := append(before, sl.consumer, sl.topic, sl.key.Partition)
	return append(args, after...)
}

// acquire takes the consumer over and returns its cursor.
func (s *Store) acquire(ctx context.Context, sl *slot) (string, error) {
	var cursor string
	var taken row
	err := s.attempt(ctx, sl.key, func(ctx context.Context) error {
		select {
		case sl.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-sl.turn }()
		err := s.inTx(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, s.sql.takeOver, sl.args(nil, s.owner, s.owner)...); err != nil {
				return err
			}
			if err := taken.scan(tx.QueryRowContext(ctx, s.sql.look, sl.args(nil)...).Scan); err != nil {
				return err
			}
			var err error
			if cursor, err = unescape(taken.cursor.String); err != nil {
				return s.corrupt(sl.key, "cursor "+clip(taken.cursor.String), err)
			}
			return nil
		})
		if err == nil {
			sl.mu.Lock()
			defer sl.mu.Unlock()
			sl.ownership.take(taken.epoch, taken.cursor.String)
		}
		return err
	})
	return cursor, err
}

// look reads the row as the last commit has left it.
func (s *Store) look(ctx context.Context, sl *slot) (r row, err error) {
	err = s.attempt(ctx, sl.key, func(ctx context.Context) error {
		return missing(r.scan(s.db.QueryRowContext(ctx, s.sql.look, sl.args(nil)...).Scan))
	})
	return r, err
}

// lookLocked reads the row once no transaction is under way that has changed it.
func (s *Store) lookLocked(ctx context.Context, sl *slot) (r row, err error) {
	err = s.attempt(ctx, sl.key, func(ctx context.Context) error {
		return s.inTx(ctx, func(tx *sql.Tx) error {
			return missing(r.scan(tx.QueryRowContext(ctx, s.sql.lookLocked, sl.args(nil)...).Scan))
		})
	})
	return r, err
}
