package sqlcursor

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Errors in the forms that drivers have them.
type (
	stated   struct{ state string } // pgx, lib/pq
	numbered struct {               // go-sql-driver/mysql
		Number  uint16
		Message string
	}
	coded   struct{ code int } // modernc.org/sqlite
	numeral int
	field   struct { // mattn/go-sqlite3
		Code numeral
		text string
	}
)

func (e *stated) Error() string    { return e.state }
func (e *stated) SQLState() string { return e.state }
func (e *numbered) Error() string  { return e.Message }
func (e *coded) Error() string     { return "no such table: cursors (1)" }
func (e *coded) Code() int         { return e.code }
func (e field) Error() string      { return e.text }

func TestErrorsOfDriversHaveKinds(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		err     error
		want    error
	}{
		{PostgreSQL, &stated{"42P01"}, ErrSchema},
		{PostgreSQL, &stated{"40001"}, ErrConflict},
		{PostgreSQL, &stated{"40P01"}, ErrConflict},
		{PostgreSQL, &stated{"55P03"}, ErrConflict},
		{PostgreSQL, &stated{"42501"}, ErrNotAuthorised},
		{PostgreSQL, &stated{"28P01"}, ErrNotAuthorised},
		{PostgreSQL, &stated{"57P01"}, ErrUnreachable},
		{PostgreSQL, &stated{"25006"}, ErrUnreachable},
		{PostgreSQL, &stated{"23505"}, ErrRefused},
		{PostgreSQL, &stated{""}, ErrUnreachable},
		{PostgreSQL, io.EOF, ErrUnreachable},
		{MySQL, &numbered{Number: 1146}, ErrSchema},
		{MySQL, &numbered{Number: 1213}, ErrConflict},
		{MySQL, &numbered{Number: 1205}, ErrConflict},
		{MySQL, &numbered{Number: 1045}, ErrNotAuthorised},
		{MySQL, &numbered{Number: 1836}, ErrUnreachable},
		{MySQL, &numbered{Number: 1062}, ErrRefused},
		{MySQL, (*numbered)(nil), ErrUnreachable},
		{MySQL, io.EOF, ErrUnreachable},
		{SQLite, &coded{1}, ErrSchema},
		{SQLite, &coded{5}, ErrConflict},
		{SQLite, &coded{5 | 2<<8}, ErrConflict},
		{SQLite, &coded{19}, ErrRefused},
		{SQLite, field{Code: 6}, ErrConflict},
		{SQLite, field{Code: 1, text: "no such column: epoch"}, ErrSchema},
		{SQLite, field{Code: 1, text: "syntax error"}, ErrRefused},
		{SQLite, field{Code: 13}, ErrUnreachable},
		{SQLite, field{Code: 8}, ErrNotAuthorised},
		{SQLite, io.EOF, ErrUnreachable},
	} {
		require.Equal(t, c.want, classify(c.dialect, c.err), "%s %#v", c.dialect, c.err)
		wrapped := fmt.Errorf("wrapped: %w", errors.Join(io.ErrClosedPipe, c.err))
		require.Equal(t, c.want, classify(c.dialect, wrapped), "%s %#v, wrapped", c.dialect, c.err)
	}
}
