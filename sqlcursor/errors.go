package sqlcursor

import (
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/complaint"
)

// The kinds of an *Error. Match them with errors.Is.
var (
	// ErrInvalidOption is returned by Open, Schema, SetCursorTx and Transact for arguments
	// that make no sense. Correct the program.
	ErrInvalidOption = errors.New("invalid option", j.C("ERR_a443278945e72704"))

	// ErrSchema is returned when the table is missing, or is not one that cursors are safe
	// in. Create it, with Create or with what Schema returns.
	ErrSchema = errors.New("table is not one for cursors", j.C("ERR_4815a053ad85b119"))

	// ErrSuperseded is returned once somebody else took the consumer over, or set its cursor:
	// another process that runs it, or an operator. Nothing was written, and a transaction that
	// it comes from must be rolled back. Run the consumer again if it should run here.
	ErrSuperseded = errors.New("somebody else has the consumer", j.C("ERR_ee71df2490b3343b"))

	// ErrNotOwned is returned by SetCursorTx and Transact for a consumer whose cursor this
	// Store never got. reflex.Run gets it; SetCursorTx can't, in the middle of a transaction.
	ErrNotOwned = errors.New("cursor of the consumer was never got", j.C("ERR_aa5a80a01b188ac9"))

	// ErrAlreadySet is returned by SetCursorTx for the cursor that is set: what the event is to
	// have done was committed before, such as by an attempt whose answer was lost. Roll back, and
	// return nil. Transact does that.
	ErrAlreadySet = errors.New("cursor is set already", j.C("ERR_912c22296dc5a5a7"))

	// ErrNotCommitted is returned by SetCursor after a SetCursorTx whose transaction did not
	// commit, although the logic returned nil: what it did is lost. The event comes again with the
	// next Run. Correct the logic: it must return the error of Commit. SetCursorTx returns it
	// in a transaction that is over.
	ErrNotCommitted = errors.New("transaction of the cursor was not committed", j.C("ERR_96c1f78b45f15699"))

	// ErrCursorRegression is returned for a cursor before the one that is set. It is not
	// stored. Two consumers of that name run in this process, or the stream is not in
	// order.
	ErrCursorRegression = errors.New("cursor is before the one that is set", j.C("ERR_a507ce2bcd070f54"))

	// ErrBadCursor is returned for a cursor that is empty, which would mean the start, or
	// too long. Reset is for the start.
	ErrBadCursor = errors.New("cursor can't be stored", j.C("ERR_4aa8c56ad4369924"))

	// ErrBadName is returned for a consumer without a name.
	ErrBadName = errors.New("consumer has no name", j.C("ERR_2472d673dbf3545c"))

	// ErrBadKey is returned for a key that is too long, or that no cursor can have.
	ErrBadKey = errors.New("not the key of a cursor", j.C("ERR_12f5c5f0a3b5390a"))

	// ErrCorruptEntry is returned by GetCursor and Peek for a row that this package didn't
	// write like that. Find out who did, then Reset or Delete it.
	ErrCorruptEntry = errors.New("row is not that of a cursor", j.C("ERR_ddab69c02c2e3f4f"))

	// ErrNotAuthorised is returned when the credentials or the grants are in the way.
	ErrNotAuthorised = errors.New("not authorised", j.C("ERR_21f2f37b324085ae"))

	// ErrConflict is returned when the database gave up one of two transactions that were in
	// each other's way: a deadlock, a serialization failure, a lock that took too long, SQLite's
	// busy. Roll back; the next attempt may succeed.
	ErrConflict = errors.New("transactions were in each other's way", j.C("ERR_dc9ab4a32bb914e4"))

	// ErrUnreachable is returned when the database gave no useful answer, or none within the
	// timeout, see WithTimeout. The next attempt may succeed.
	ErrUnreachable = errors.New("database is of no help", j.C("ERR_1b88b7b3425e1e63"))

	// ErrRefused is returned when the database will not do what is needed.
	ErrRefused = errors.New("statement was refused", j.C("ERR_daea8cb581fa62ba"))
)

// Error is what is wrong with a cursor, the table, or the way to it. It is its Kind, and
// its Cause, for errors.Is and errors.As.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error

	// Table is that of the cursors, or empty where it doesn't matter.
	Table string
	// Key is the cursor that it is about, or zero. Long names are cut.
	Key Key

	// Asked, Found and Do say what was asked for, what is there, and what to do
	// about it. Those that have nothing to say are empty.
	Asked, Found, Do string

	// Cause is what the database or its driver said, or nil.
	Cause error
}

// Error says all there is to say in one line.
func (e *Error) Error() string {
	about := e.Table
	switch {
	case e.Key.Consumer != "" && e.Table != "":
		about = fmt.Sprintf("%s in %s", e.Key, e.Table)
	case e.Key.Consumer != "":
		about = e.Key.String()
	}
	return complaint.Line(e.Kind, about, e.Asked, e.Found, e.Cause, e.Do)
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	return complaint.Chain(e.Kind, e.Cause)
}

// IsPermanent reports whether a store's error will be the same the next time, until
// somebody has done something.
func IsPermanent(err error) bool {
	return errors.IsAny(err,
		ErrInvalidOption, ErrSchema, ErrBadCursor, ErrBadName, ErrBadKey, ErrCorruptEntry, ErrNotAuthorised, ErrRefused)
}
