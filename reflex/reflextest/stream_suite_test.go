package reflextest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a defect leaves hanging is waited for that long.
const (
	impatience   = 2 * time.Second
	brokenPrompt = time.Second
)

func TestStreamSuiteCanBePassed(t *testing.T) { RunStreamTests(t, memHarness(none)) }

// A case that no defect fails might as well not be there, and a defect that
// fails the wrong case is one that its user looks for in the wrong place.
func TestStreamSuiteTellsEveryDefect(t *testing.T) {
	requireTold(t, streamDefects, streamCases(), func(d defect) func(testing.TB) *streamEnv {
		h := memHarness(d)
		h.Timeout, h.Prompt = impatience, brokenPrompt
		return h.env
	})
}

// requireTold runs the cases that must tell each defect on it. All at once, as
// most of the time goes by waiting for what hangs.
func requireTold[E environment](t *testing.T, defects map[defect][]string, cases []testCase[E],
	setup func(d defect) func(testing.TB) E,
) {
	t.Helper()
	type run struct {
		defect defect
		test   testCase[E]
		record *recorder
	}
	var runs []*run
	for d, names := range defects {
		for _, name := range names {
			runs = append(runs, &run{defect: d, test: caseNamed(t, cases, name)})
		}
	}
	var wg sync.WaitGroup
	for _, r := range runs {
		wg.Go(func() {
			r.record = record(t, func(tb testing.TB) {
				tb.Helper()
				r.test.check(tb, setup(r.defect))
			})
		})
	}
	wg.Wait()
	for _, r := range runs {
		require.Truef(t, r.record.Failed(), "%q passes where it %s", r.test.name, r.defect)
		require.Contains(t, r.record.logged(), "the contract is: "+r.test.contract)
	}
}

func TestEveryStreamCaseCanFail(t *testing.T) { requireEachTold(t, streamDefects, streamCases()) }

func requireEachTold[E environment](t *testing.T, defects map[defect][]string, cases []testCase[E]) {
	t.Helper()
	told := make(map[string]bool)
	for _, names := range defects {
		for _, name := range names {
			told[name] = true
		}
	}
	names := make(map[string]bool)
	for _, c := range cases {
		require.True(t, told[c.name], "no defect fails the case %q", c.name)
		require.NotEmpty(t, c.contract, c.name)
		require.False(t, names[c.name], "two cases are called %q", c.name)
		names[c.name] = true
	}
}

// A harness that declares nothing has to be told what it leaves untested.
func TestMissingCapabilitiesAreReportedAsSkips(t *testing.T) {
	bare := memHarness(none)
	h := StreamHarness{New: func(tb testing.TB) Source {
		tb.Helper()
		full := bare.New(tb)
		return Source{Stream: full.Stream, Append: full.Append}
	}}.withDefaults()

	var run, skipped []string
	for _, c := range streamCases() {
		r := record(t, func(tb testing.TB) {
			tb.Helper()
			c.check(tb, h.env)
		})
		require.False(t, r.Failed(), "%s: %s", c.name, r.logged())
		if r.Skipped() {
			require.NotEmpty(t, r.logged(), "reason for skipping %q", c.name)
			skipped = append(skipped, c.name)
		} else {
			run = append(run, c.name)
		}
	}
	require.Contains(t, run, "after is exclusive")
	require.Contains(t, skipped, "from head to head")
	require.Contains(t, skipped, "an open transaction is invisible")
	require.Contains(t, skipped, "a cursor at the cut is good")
}

func caseNamed[E environment](t *testing.T, cases []testCase[E], name string) testCase[E] {
	t.Helper()
	i := slices.IndexFunc(cases, func(c testCase[E]) bool { return c.name == name })
	require.GreaterOrEqual(t, i, 0, "there is no case %q", name)
	return cases[i]
}
