package main

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"

	"github.com/kreflex/kreflex/migrate"
)

// stdio is what a process has; tests give their own.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the command line.
type cli struct {
	Demo       demoCommand       `cmd:"" help:"Publish events, consume them, crash in the middle, resume, and count. Needs no broker."`
	Consume    consumeCommand    `cmd:"" help:"Run a command per event or batch, or print events, with a durable cursor."`
	Migrate    migrateCommand    `cmd:"" help:"Copy a stream to Kafka, and move the cursors of its consumers. Changes nothing without --apply."`
	Cursors    cursorsCommand    `cmd:"" help:"Look at cursors and move them. Changes nothing without --apply."`
	Lag        lagCommand        `cmd:"" help:"Say how far consumers are behind."`
	Status     statusCommand     `cmd:"" help:"Ask a service that runs a topic how its partitions are."`
	Tail       tailCommand       `cmd:"" help:"Print the events of a topic, without any cursor."`
	Completion completionCommand `cmd:"" help:"Print a script that completes command lines in a shell."`
	Worker     workerCommand     `cmd:"" name:"demo-worker" hidden:"" help:"The consumer that 'demo --kill' kills."`
}

// command is what each of them is.
type command interface {
	Run(ctx context.Context, std stdio) error
}

var _ = []command{
	(*demoCommand)(nil), (*consumeCommand)(nil), (*workerCommand)(nil),
	(*cursorsListCommand)(nil), (*cursorsShowCommand)(nil), (*cursorsResetCommand)(nil), (*cursorsCopyCommand)(nil),
	(*cursorsDeleteCommand)(nil), (*lagCommand)(nil), (*statusCommand)(nil), (*tailCommand)(nil), (*completionCommand)(nil),
	(*migrateEventsCommand)(nil), (*migrateCursorsCommand)(nil), (*migrateGroupCommand)(nil),
}

// newParser returns what reads the command line.
func newParser(options ...kong.Option) (*kong.Kong, error) {
	return kong.New(new(cli), append([]kong.Option{
		kong.Name("kreflex"),
		kong.Description("The reflex API over Kafka, from the command line."),
		kong.Vars{"grpcMethod": migrate.DefaultGRPCMethod},
	}, options...)...)
}

// run is the whole program. The end of ctx asks it to stop.
func run(ctx context.Context, args []string, std stdio) exitCode {
	finished := false // help was asked for and given
	parser, err := newParser(
		kong.UsageOnError(),
		kong.Writers(std.out, std.err),
		kong.Exit(func(int) { finished = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		return report(std, err)
	}
	parsed, err := parser.Parse(args)
	if finished {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(std.err, "kreflex: %v\nTry: kreflex --help\n", err)
		return exitUsage
	}
	return report(std, parsed.Run())
}

// report says what went wrong, and returns the exit code for it.
func report(std stdio, err error) exitCode {
	code := exitCodeOf(err)
	if code != exitOK {
		_, _ = fmt.Fprintf(std.err, "kreflex: %v\n", err)
	}
	return code
}
