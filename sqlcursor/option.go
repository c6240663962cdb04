package sqlcursor

import (
	"database/sql"
	"time"

	"github.com/luno/jettison/errors"
)

// Option changes what Open opens.
type Option func(*config)

type config struct {
	table   string
	timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	minTimeout     = 10 * time.Millisecond
	maxTimeout     = time.Hour
)

// WithTable names the table, with a schema and a dot in front if need be. It is taken as it is,
// upper case too. Defaults to "cursors".
func WithTable(name string) Option {
	return func(c *config) { c.table = name }
}

// WithTimeout bounds each call that waits for the database, beside its context, but not the logic
// of Transact. Defaults to 10 s; between 10 ms and an hour.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// resolve applies the options and reports all that is wrong with them.
func resolve(db *sql.DB, d Dialect, opts []Option) (config, statements, error) {
	c := config{table: defaultTable, timeout: defaultTimeout}
	var wrong []error
	invalid := func(asked, do string) {
		wrong = append(wrong, &Error{Kind: ErrInvalidOption, Asked: asked, Do: do})
	}
	for _, opt := range opts {
		if opt == nil {
			invalid("a nil Option", "leave it out")
			continue
		}
		opt(&c)
	}
	if db == nil {
		invalid("cursors in no database", "give Open what sql.Open returned")
	}
	if c.timeout < minTimeout || c.timeout > maxTimeout {
		invalid("a timeout of "+c.timeout.String(), "give WithTimeout something from 10 ms to an hour")
	}
	s, err := newStatements(d, c.table)
	if err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) == 1 {
		return c, s, wrong[0]
	}
	return c, s, errors.Join(wrong...)
}
