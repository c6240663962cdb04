package sqlcursor

import (
	"reflect"
	"strings"

	"github.com/luno/jettison/errors"
)

// classify returns the kind of a driver's error. What says nothing of itself is of the way to the database.
//
// Drivers are known by what their errors have, not by their types, which would bring them all into every
// program: SQLState of pgx and lib/pq, the field Number of go-sql-driver/mysql, and Code of
// SQLite's, as a method or a field.
func classify(d Dialect, err error) error {
	switch d {
	case PostgreSQL:
		var stated interface{ SQLState() string }
		if errors.As(err, &stated) {
			return postgresKind(stated.SQLState())
		}
	case MySQL:
		if number, ok := numberOf(err, "Number"); ok {
			return mysqlKind(number)
		}
	default:
		code, ok := numberOf(err, "Code")
		var coded interface{ Code() int }
		if errors.As(err, &coded) {
			code, ok = int64(coded.Code()), true
		}
		if ok {
			return sqliteKind(code, err.Error())
		}
	}
	return ErrUnreachable
}

// postgresKind is about SQLSTATE, whose first two characters are a class.
func postgresKind(state string) error {
	switch state {
	case "42P01", "42703", "3F000", "3D000", "42P10":
		return ErrSchema // no such table, column, schema, database, or key
	case "42501":
		return ErrNotAuthorised
	case "25006":
		return ErrUnreachable // a replica answers, as in the middle of a failover
	}
	if len(state) < 2 {
		return ErrUnreachable
	}
	switch state[:2] {
	case "40", "55":
		return ErrConflict
	case "28":
		return ErrNotAuthorised
	case "08", "53", "57", "58", "XX":
		return ErrUnreachable
	default:
		return ErrRefused
	}
}

// mysqlKind is about the numbers of the server's errors.
func mysqlKind(number int64) error {
	switch number {
	case 1146, 1054, 1049:
		return ErrSchema // no such table, column, database
	case 1044, 1045, 1142, 1143, 1227, 1698:
		return ErrNotAuthorised
	case 1205, 1213, 1020:
		return ErrConflict // lock wait timeout, deadlock, changed since last read
	case 1021, 1037, 1040, 1041, 1053, 1077, 1079, 1114, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1317, 1792, 1836, 1927, 1969, 3024:
		return ErrUnreachable // full, overloaded, going down, read-only, interrupted
	default:
		return ErrRefused
	}
}

// sqliteKind is about result codes, whose lowest byte says what the others detail.
func sqliteKind(code int64, text string) error {
	switch code & 0xff {
	case 1:
		if strings.Contains(text, "no such table") || strings.Contains(text, "no such column") || strings.Contains(text, "has no column") ||
			strings.Contains(text, "does not match any PRIMARY KEY") {
			return ErrSchema
		}
		return ErrRefused
	case 5, 6, 17:
		return ErrConflict // busy, locked, schema changed
	case 3, 8, 23:
		return ErrNotAuthorised
	case 4, 7, 9, 10, 13, 14, 15:
		return ErrUnreachable // aborted, no memory, interrupted, I/O, full, can't open
	default:
		return ErrRefused
	}
}

// numberOf returns a field of an error in the chain that is a struct, or points to one.
func numberOf(err error, field string) (number int64, ok bool) {
	for e := range chain(err) {
		v := reflect.Indirect(reflect.ValueOf(e))
		if v.Kind() != reflect.Struct {
			continue
		}
		switch f := v.FieldByName(field); {
		case !f.IsValid():
		case f.CanInt():
			return f.Int(), true
		case f.CanUint():
			return int64(f.Uint()), true
		}
	}
	return 0, false
}

// chain yields the error and all that it wraps.
func chain(err error) func(yield func(error) bool) {
	return func(yield func(error) bool) { walk(err, yield) }
}

func walk(err error, yield func(error) bool) bool {
	if err == nil {
		return true
	}
	if !yield(err) {
		return false
	}
	switch w := err.(type) { //nolint:errorlint // this is how a chain is walked
	case interface{ Unwrap() error }:
		return walk(w.Unwrap(), yield)
	case interface{ Unwrap() []error }:
		for _, next := range w.Unwrap() {
			if !walk(next, yield) {
				return false
			}
		}
	}
	return true
}
