package main

import (
	"github.com/luno/jettison/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kreflex/kreflex/cursoradmin"
	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
)

// exitCode tells a script what became of a command. They are documented in the
// package's comment and in the help of consume.
type exitCode int

const (
	exitOK        exitCode = 0
	exitFailed    exitCode = 1 // a broken promise, or something unforeseen
	exitUsage     exitCode = 2
	exitPermanent exitCode = 3 // somebody must decide
	exitCommand   exitCode = 4
	exitTransient exitCode = 5 // trying again may help
	exitTakenOver exitCode = 6
)

// exitCodeOf is the meaning of the error of a command. Where an error is of
// several kinds the first one here counts: what a script must not repeat comes
// before what it may.
func exitCodeOf(err error) exitCode {
	var input *inputError
	var brokers *brokerError
	switch {
	case err == nil:
		return exitOK
	case isAny(err, errBadFlag, errBadLine, errNoEvents, errTopicExists, kafkastream.ErrInvalidOption, kafkacursor.ErrInvalidOption,
		migrate.ErrInvalidOption, migrate.ErrBadExport, cursoradmin.ErrInvalidOption, cursoradmin.ErrBadFile),
		errors.As(err, &input):
		return exitUsage
	case isAny(err, kafkacursor.ErrFenced, kafkacursor.ErrSuperseded, migrate.ErrFenced):
		return exitTakenOver
	case errors.Is(err, errCommand):
		return exitCommand
	case isAny(err, kafkastream.ErrUnreachable, kafkacursor.ErrUnreachable, migrate.ErrInterrupted, cursoradmin.ErrUnreachable):
		return exitTransient
	case errors.Is(err, errNoStatus):
		return exitTransient
	case errors.Is(err, errNeedsOperator), kafkastream.IsPermanent(err), kafkacursor.IsPermanent(err), migrate.IsPermanent(err), cursoradmin.IsPermanent(err), errors.Is(err, kafkacursor.ErrCursorRegression):
		return exitPermanent
	case isAny(err, kafkacursor.ErrOwnershipUnknown, kafkacursor.ErrOpenTransaction,
		migrate.ErrNotCopied, migrate.ErrMoved, migrate.ErrGroupActive, cursoradmin.ErrAtWork, cursoradmin.ErrChanged),
		errors.As(err, &brokers), unclean(err), status.Code(err) == codes.Unavailable:
		return exitTransient
	}
	return exitFailed
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// finished reports whether a Run ended as it should: at the head, or because it
// was asked to stop, with its cursor stored.
func finished(err error, asked bool) bool {
	if errors.Is(err, errCommand) {
		return false // also if it was killed because it was asked to stop
	}
	return reachedHead(err) || asked && reflex.IsExpected(err)
}

// reachedHead reports whether a Run ended at the head, with its cursor stored.
func reachedHead(err error) bool { return reflex.IsHeadReachedErr(err) && !unclean(err) }

// unclean reports whether cleaning up after a Run failed, so that its last
// cursor may not be stored.
func unclean(err error) bool {
	var cleanup *reflex.CleanupError
	return errors.As(err, &cleanup)
}
