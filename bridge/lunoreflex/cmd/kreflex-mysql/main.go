package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(runInterruptible()) }

// runInterruptible stops cleanly at the first signal, and at once at the second.
func runInterruptible() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// cli is the command line.
type cli struct {
	Events  eventsCommand  `cmd:"" help:"Copy an events table into a partition, each event once and in order. It goes on where it ended before."`
	Cursors cursorsCommand `cmd:"" help:"Move consumers from a cursors table to where they consume the copy."`
}

// output is where commands write.
type output struct{ io.Writer }

// run is the whole program. The end of ctx asks it to stop.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var (
		line     cli
		finished bool // help was asked for and given
	)
	parser, err := kong.New(&line,
		kong.Name("kreflex-mysql"),
		kong.Description("From luno/reflex's tables in MySQL to Kafka. Without --apply nothing is changed."),
		kong.UsageOnError(),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { finished = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(output{stdout}),
	)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "kreflex-mysql: %v\n", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if finished {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "kreflex-mysql: %v\nTry: kreflex-mysql --help\n", err)
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		_, _ = fmt.Fprintf(stderr, "kreflex-mysql: %v\n", err)
		return exitFailed
	}
	return exitOK
}
