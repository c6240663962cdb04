package everyname_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kreflex/kreflex/integration/everyname"
)

func sorted(relations map[string]everyname.Relation) []string {
	return slices.Sorted(maps.Keys(relations))
}

func TestRowsOfTheTable(t *testing.T) {
	compare := func(everyname.Pair) []everyname.Comparison {
		return []everyname.Comparison{
			{Name: "Absent"},
			{Name: "Changed", Relation: everyname.Different, Theirs: "func()", Ours: "func(a | b)"},
			{Name: "Generic", Relation: everyname.BothForms},
			{Name: "Mended", Relation: everyname.Same},
			{Name: "Pending"},
			{Name: "Planned"},
			{Name: "Same", Relation: everyname.Same},
		}
	}
	words, err := everyname.ParseWords(strings.NewReader(`
		# A comment.
		p Absent absent Nobody used it.
		p Changed better Takes more.
		p Generic better Obeys its context.
		p Mended better May be called twice.
		p Pending pending
		p Planned better It will be.
	`))
	require.NoError(t, err)
	section, problems, pending := everyname.Table([]everyname.Pair{{Name: "p"}}, compare, words)
	require.Empty(t, problems)
	require.Equal(t, []string{"p Pending", "p Planned"}, pending)
	_, rows, _ := strings.Cut(section, "|---|---|---|\n")
	require.Equal(t, strings.Join([]string{
		"| `Absent` | absent | Nobody used it. |",
		"| `Changed` | better | Takes more. `func(a \\| b)` |",
		"| `Generic` | better | Takes logic with and without `fate.Fate`. Obeys its context. |",
		"| `Mended` | better | May be called twice. |",
		"| `Pending` | absent | not here yet |",
		"| `Planned` | absent | not here yet |",
		"| `Same` | same |  |",
		"",
	}, "\n"), rows)
}

func TestWhatIsWrongWithATable(t *testing.T) {
	compare := func(everyname.Pair) []everyname.Comparison {
		return []everyname.Comparison{
			{Name: "Changed", Relation: everyname.Different, Theirs: "func()", Ours: "func(int)"},
			{Name: "Forgotten"},
			{Name: "There", Relation: everyname.Same},
			{Name: "Written", Relation: everyname.Same},
		}
	}
	words, err := everyname.ParseWords(strings.NewReader("p There absent It was too hard.\np Written pending\np Gone better Never was.\n"))
	require.NoError(t, err)
	_, problems, pending := everyname.Table([]everyname.Pair{{Name: "p"}}, compare, words)
	require.Equal(t, []string{
		"p Changed: differs, and nobody says how:\n\tthere: func()\n\there:  func(int)",
		"p Forgotten: is missing, and nobody says why",
		"p There: is there, but is said to be absent",
		"p Written: is there, but is said to be pending",
		"p Gone: luno/reflex has no such name",
	}, problems)
	require.Empty(t, pending)
}

func TestWordsThatSayTooLittle(t *testing.T) {
	for text, want := range map[string]string{
		"p Name":                           `"" is none of better, absent and pending`,
		"p Name same":                      `"same" is none of better, absent and pending`,
		"p Name absent":                    "it does not say how, or why",
		"p Name better x\np Name better y": "it is there twice",
	} {
		_, err := everyname.ParseWords(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func TestSectionOfADocument(t *testing.T) {
	section := everyname.Heading + "\n\nnew\n"
	require.Equal(t, "# Doc\n\n"+section, everyname.Replace("# Doc\n", section))
	document := "# Doc\n\n" + everyname.Heading + "\n\nold\n\n### sub\n\n## Next\n\ntext\n"
	replaced := everyname.Replace(document, section)
	require.Equal(t, "# Doc\n\n"+section+"\n## Next\n\ntext\n", replaced)
	found, err := everyname.Find(replaced)
	require.NoError(t, err)
	require.Equal(t, section, found)
	_, err = everyname.Find("# Doc\n")
	require.Error(t, err)
}
