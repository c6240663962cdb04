package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/kreflex/kreflex/reflex"
)

// executor runs a command for events, which get them as JSON lines.
type executor struct {
	command   string
	consumer  string
	topic     string
	partition int32
	out, err  io.Writer
}

// outputWait bounds how long the output of a command is waited for that left a
// process behind which holds it open.
const outputWait = 2 * time.Second

func (x *executor) take(ctx context.Context, events []*reflex.Event) error {
	input, err := linesOf(events, x.topic, x.partition)
	if err != nil {
		return newSinkError(events, "encode", err)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", x.command) //nolint:gosec // the user's own
	cmd.Env = append(os.Environ(), x.environment(events)...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stdout, cmd.Stderr = x.out, x.err
	cmd.WaitDelay = outputWait
	isolate(cmd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: it was asked to stop and took longer than --grace", err)
		}
		return newSinkError(events, fmt.Sprintf("command %q", x.command), err)
	}
	return nil
}

func (x *executor) environment(events []*reflex.Event) []string {
	first, last := events[0], events[len(events)-1]
	env := []string{
		"KREFLEX_CONSUMER=" + x.consumer,
		"KREFLEX_TOPIC=" + x.topic,
		fmt.Sprint("KREFLEX_PARTITION=", x.partition),
		fmt.Sprint("KREFLEX_COUNT=", len(events)),
		"KREFLEX_FIRST_ID=" + first.ID,
		"KREFLEX_LAST_ID=" + last.ID,
	}
	if len(events) > 1 {
		return env
	}
	env = append(env, "KREFLEX_ID="+first.ID, "KREFLEX_TIMESTAMP="+first.Timestamp.UTC().Format(time.RFC3339Nano))
	if first.Type != nil {
		env = append(env, fmt.Sprint("KREFLEX_TYPE=", first.Type.ReflexType()))
	}
	// A variable can't hold a zero byte, and one that is missing can be told
	// from one that is cut.
	if !strings.ContainsRune(first.ForeignID, 0) {
		env = append(env, "KREFLEX_FOREIGN_ID="+first.ForeignID)
	}
	return env
}
