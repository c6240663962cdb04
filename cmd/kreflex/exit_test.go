package main

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

func TestExitCodesSayWhatAScriptShouldDo(t *testing.T) {
	clean := errors.Wrap(context.Canceled, "recv error")
	unclean := errors.Join(clean, &reflex.CleanupError{Flush: io.ErrUnexpectedEOF})
	for _, c := range []struct {
		err  error
		want exitCode
	}{
		{nil, exitOK},
		{errVerdict, exitFailed},
		{io.ErrUnexpectedEOF, exitFailed},
		{errBadFlag, exitUsage},
		{&lineError{Err: io.EOF}, exitUsage},
		{&inputError{os.ErrNotExist}, exitUsage},
		{errTopicExists, exitUsage},
		{kafkastream.ErrInvalidOption, exitUsage},
		{newSinkError([]*reflex.Event{{ID: "7"}}, "command", io.EOF), exitCommand},
		{kafkastream.ErrUnreachable, exitTransient},
		{kafkacursor.ErrUnreachable, exitTransient},
		{kafkacursor.ErrOwnershipUnknown, exitTransient},
		{kafkacursor.ErrOpenTransaction, exitTransient},
		{&brokerError{err: io.EOF}, exitTransient},
		{kafkastream.ErrExpired, exitPermanent},
		{kafkacursor.ErrTopicConfig, exitPermanent},
		{kafkacursor.ErrCursorRegression, exitPermanent},
		{unclean, exitTransient},
		{kafkacursor.ErrFenced, exitTakenOver},
		{kafkacursor.ErrSuperseded, exitTakenOver},
		// Trying again would take the consumer back.
		{errors.Join(kafkacursor.ErrFenced, kafkastream.ErrUnreachable), exitTakenOver},
	} {
		require.Equal(t, c.want, exitCodeOf(c.err), c.err)
		if c.err != nil {
			require.Equal(t, c.want, exitCodeOf(errors.Wrap(c.err, "consume", j.KV("topic", "orders"))), c.err)
		}
	}
}

func TestRunIsFinishedOnlyWithItsCursorStored(t *testing.T) {
	head := errors.Wrap(reflex.ErrHeadReached, "recv error")
	stopped := errors.Wrap(context.Canceled, "recv error")
	lost := &reflex.CleanupError{Flush: io.ErrUnexpectedEOF}

	require.True(t, finished(head, false))
	require.True(t, finished(stopped, true))
	require.False(t, finished(stopped, false), "nobody asked for it")
	require.False(t, finished(errors.Join(head, lost), false))
	require.False(t, finished(errors.Join(stopped, lost), true))
	require.False(t, finished(io.ErrUnexpectedEOF, true))
	// The command was killed because its time was up.
	require.False(t, finished(newSinkError([]*reflex.Event{{ID: "7"}}, "command", context.Canceled), true))
}
