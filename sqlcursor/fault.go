package sqlcursor

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/luno/jettison/errors"
)

// explain makes the error of the user's language of what a call met: the error of its context if that is done,
// and otherwise one that says what was in the way. The bounded context is the one that the call obeyed.
func (s *Store) explain(ctx, bounded context.Context, key Key, err error) error {
	var known *Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return errors.Wrap(ctx.Err(), "last: "+err.Error())
	case bounded.Err() != nil:
		// Without the cause: that a context is done is not what the caller's says.
		return s.complaint(key, &Error{
			Kind: ErrUnreachable, Asked: "an answer within " + s.config.timeout.String(), Found: "none: " + err.Error(),
			Do: "check the database, and who holds locks on the row",
		})
	case errors.Is(err, sql.ErrTxDone):
		return s.complaint(key, &Error{Kind: ErrNotCommitted, Found: "a transaction that is over", Cause: err, Do: "set the cursor before it is committed"})
	}
	e := &Error{Kind: classify(s.dialect, err), Cause: err}
	switch {
	case errors.Is(e.Kind, ErrSchema):
		e.Do = "call Create, or run what Schema returns"
	case errors.Is(e.Kind, ErrNotAuthorised):
		e.Do = "check the credentials, and that SELECT, INSERT and UPDATE of the table are granted"
	case errors.Is(e.Kind, ErrConflict):
		e.Do = "roll back and try again"
	case errors.Is(e.Kind, ErrUnreachable):
		e.Do = "check the database and try again"
	}
	return s.complaint(key, e)
}

// complaint adds the table and the key to an error of ours.
func (s *Store) complaint(key Key, e *Error) *Error {
	e.Table, e.Key = s.config.table, key.clipped()
	return e
}

// named adds the table to an error of ours that lacks it.
func (s *Store) named(err error) {
	var e *Error
	if errors.As(err, &e) {
		e.Table = s.config.table
	}
}

func (s *Store) corrupt(key Key, found string, cause error) error {
	return s.complaint(key, &Error{
		Kind: ErrCorruptEntry, Found: found, Cause: cause, Do: "find out who wrote it, then Reset or Delete the cursor",
	})
}

// superseded is about a row that is not this Store's any more.
func (s *Store) superseded(sl *slot, epoch int64, r row) error {
	found := "no row: somebody removed it"
	if r.found {
		found = fmt.Sprintf("epoch %d of owner %s, with cursor %q", r.epoch, clip(r.owner), clip(r.cursor.String))
	}
	return s.complaint(sl.key, &Error{
		Kind: ErrSuperseded, Asked: fmt.Sprintf("epoch %d of owner %s", epoch, s.owner), Found: found,
		Do: "roll back, and run the consumer again if it should run here; it goes on from there",
	})
}

func (s *Store) regression(sl *slot, v value, found string) error {
	return s.complaint(sl.key, &Error{
		Kind: ErrCursorRegression, Asked: "cursor " + clip(v.id), Found: "cursor " + clip(found),
		Do: "look for another consumer of that name in this process",
	})
}

func (s *Store) notCommitted(sl *slot, c *claim, r row) error {
	return s.complaint(sl.key, &Error{
		Kind: ErrNotCommitted, Asked: "cursor " + clip(c.text) + " of a transaction", Found: fmt.Sprintf("cursor %q", clip(r.cursor.String)),
		Do: "have the logic commit, and return the error of that; the event comes again with the next Run",
	})
}
