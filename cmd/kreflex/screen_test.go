package main

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/internal/tally"
)

func TestProgressIsRewrittenOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newScreen(&out)
		s.terminal = true
		for range 2 {
			time.Sleep(s.every)
			s.progress("%d", 1)
			s.progress("not that soon")
		}
		s.line("done")
		s.line("more")
		require.Equal(t, "1"+rewriteLine+"1"+rewriteLine+"done\nmore\n", out.String())
	})
}

func TestProgressIsFewPlainLinesElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := newScreen(&out)
		for i := range 25 {
			time.Sleep(100 * time.Millisecond)
			s.progress("%d", i)
		}
		s.line("done")
		require.Equal(t, "9\n19\ndone\n", out.String())
	})
}

func TestFilesAreNoTerminals(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.False(t, isTerminal(file))
	require.False(t, isTerminal(&bytes.Buffer{}))
}

func TestCountSetsThousandsApart(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 7: "7", 999: "999", 1000: "1 000", 123456: "123 456", 1000000: "1 000 000", -999: "-999", -1000: "-1 000",
	} {
		require.Equal(t, want, count(n))
	}
}

func TestReportSaysWhichPromisesWereBroken(t *testing.T) {
	var out bytes.Buffer
	newScreen(&out).report(tally.Result{
		Published: 1000, Consumed: 1001, Redelivered: 3, Lost: 2, OutOfOrder: 1, OverBound: 1,
		Stops: []tally.Stop{{Crashed: true, Redelivered: 3, Bound: 2, InFlight: 7 * time.Millisecond, Age: 250 * time.Millisecond}},
	}, 100*time.Millisecond, 50*time.Millisecond)
	require.Equal(t, `
published                          1 000
consumed                           1 001
redelivered                            3
lost                                   2
order violations                       1
cursor ahead of the work               0
altered or made up                     0

per crash, of 1                      min      median         max
redelivered                            3           3           3
bound                                  2           2           2

The bound of a crash is what was consumed in the last 100 ms before it (flush interval), plus 50 ms (timers
may be late), plus what its last writes of the cursor were in flight (up to 7 ms), and one event in hand.
The oldest event that came again had been consumed 250 ms before. Crashes over their bound: 1.

BROKEN: 2 lost: published but never consumed
BROKEN: 1 out of order: not the successor of the event before
BROKEN: 1 over the bound: more came again after a stop than may
`, out.String())
}
