package everyname_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// What is compared, so that the module has what they import.
	_ "github.com/luno/reflex"
	_ "github.com/luno/reflex/filters"
	_ "github.com/luno/reflex/grpctest"
	_ "github.com/luno/reflex/reflexpb"
	_ "github.com/luno/reflex/rpatterns"
	_ "github.com/luno/reflex/testmock"

	"github.com/kreflex/kreflex/integration/everyname"
)

var update = flag.Bool("update", false, "write the table of MIGRATION.md, and what is missing into testdata as pending")

const (
	migration = "../../MIGRATION.md"
	wordsFile = "testdata/words.txt"
)

// Each name of luno/reflex is in the table of MIGRATION.md, which is as the code and testdata/words.txt say. What is
// not the same has somebody's word for it.
func TestEveryName(t *testing.T) {
	pairs := everyname.Pairs()
	packages, err := everyname.Load(pairs)
	require.NoError(t, err)
	comparer := everyname.NewComparer(pairs, packages)

	text, err := os.ReadFile(wordsFile)
	require.NoError(t, err)
	if *update {
		text = []byte(withPending(t, string(text), pairs, comparer))
		require.NoError(t, os.WriteFile(wordsFile, text, 0o644))
	}
	words, err := everyname.ParseWords(strings.NewReader(string(text)))
	require.NoError(t, err)
	section, problems, pending := everyname.Table(pairs, comparer.Compare, words)

	document, err := os.ReadFile(migration)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(migration, []byte(everyname.Replace(string(document), section)), 0o644))
		document, err = os.ReadFile(migration)
		require.NoError(t, err)
	}
	for _, problem := range problems {
		t.Errorf("%s: say so in %s, or mend it", problem, wordsFile)
	}
	found, err := everyname.Find(string(document))
	require.NoError(t, err)
	require.Equal(t, section, found, "run make names")

	for _, name := range pending {
		if os.Getenv("KAFKA_REQUIRED") == "1" { // a full run, which has to have all
			t.Errorf("%s is pending", name)
		} else {
			t.Logf("%s is pending", name)
		}
	}
}

// withPending returns the words with those that are pending made anew: one for each name that is missing and that
// nothing else is said of.
func withPending(t *testing.T, text string, pairs []everyname.Pair, comparer *everyname.Comparer) string {
	t.Helper()
	var kept []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) < 3 || strings.HasPrefix(line, "#") || fields[2] != everyname.Pending {
			kept = append(kept, line)
		}
	}
	text = strings.Join(kept, "")
	words, err := everyname.ParseWords(strings.NewReader(text))
	require.NoError(t, err)
	said := make(map[string]bool)
	for _, w := range words {
		said[w.Package+" "+w.Name] = true
	}
	for _, p := range pairs {
		for _, c := range comparer.Compare(p) {
			if key := p.Name + " " + c.Name; c.Relation == everyname.Missing && !said[key] {
				text += key + " " + everyname.Pending + "\n"
			}
		}
	}
	return text
}
