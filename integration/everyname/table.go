package everyname

import (
	"fmt"
	"strings"

	"github.com/luno/jettison/errors"
)

// Heading is that of the table's section in MIGRATION.md.
const Heading = "## Every name"

const preamble = `
All that luno/reflex exports, but for ` + "`rsql` and `rblob`" + `: the bridge takes those as they are. *Same* means that the compiler can't
tell the two apart; *better* that code compiles unless it says otherwise, and works better in the way that it says. A method that
is promoted from an embedded type is there with that type. The table is made, and compared with both libraries, by
` + "`make names`" + ` and a test.
`

// Table returns the section of MIGRATION.md, what is wrong with what it says, and what is missing and expected to come.
func Table(pairs []Pair, compare func(Pair) []Comparison, words []Word) (section string, problems, pending []string) {
	said := make(map[string]Word)
	for _, w := range words {
		said[w.Package+" "+w.Name] = w
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s", Heading, preamble)
	for _, p := range pairs {
		fmt.Fprintf(&b, "\n### %s\n\n| name | is | how, or why |\n|---|---|---|\n", p.Name)
		for _, c := range compare(p) {
			key := p.Name + " " + c.Name
			is, text, problem := row(c, said[key])
			if problem != "" {
				problems = append(problems, key+": "+problem)
			}
			if c.Relation == Missing && isExpected(said[key]) {
				pending = append(pending, key)
			}
			delete(said, key)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, is, strings.ReplaceAll(text, "|", `\|`))
		}
	}
	for _, w := range words {
		if _, left := said[w.Package+" "+w.Name]; left {
			problems = append(problems, w.Package+" "+w.Name+": luno/reflex has no such name")
		}
	}
	return b.String(), problems, pending
}

// row returns what the table says of a name, and what is wrong with that.
func row(c Comparison, w Word) (is, text, problem string) {
	switch {
	case c.Relation == Missing && isExpected(w):
		return Absent, "not here yet", ""
	case c.Relation == Missing && w.Status == Absent:
		return Absent, w.Text, ""
	case c.Relation == Missing:
		return Absent, "", "is missing, and nobody says why"
	case w.Status == Absent || w.Status == Pending:
		return Better, w.Text, "is there, but is said to be " + w.Status
	case c.Relation == BothForms:
		return Better, strings.TrimSpace("Takes logic with and without `fate.Fate`. " + w.Text), ""
	case c.Relation == Different && w.Status == "":
		return Better, "", fmt.Sprintf("differs, and nobody says how:\n\tthere: %s\n\there:  %s", c.Theirs, c.Ours)
	case c.Relation == Different:
		return Better, fmt.Sprintf("%s `%s`", w.Text, c.Ours), ""
	case w.Status == Better:
		return Better, w.Text, ""
	default:
		return "same", "", ""
	}
}

// isExpected reports whether the word is of a name that is to be there.
func isExpected(w Word) bool { return w.Status == Pending || w.Status == Better }

// Replace returns the document with the section in place of the one that it has, or at its end. The section
// goes up to the next heading of its level.
func Replace(document, section string) string {
	before, after, found := strings.Cut(document, Heading+"\n")
	if !found {
		return strings.TrimRight(document, "\n") + "\n\n" + section
	}
	if i := strings.Index(after, "\n## "); i >= 0 {
		return before + section + after[i:]
	}
	return before + section
}

// Find returns the section of the document.
func Find(document string) (string, error) {
	_, after, found := strings.Cut(document, Heading+"\n")
	if !found {
		return "", errors.New("the document has no section " + Heading)
	}
	if i := strings.Index(after, "\n## "); i >= 0 {
		after = after[:i]
	}
	return Heading + "\n" + after, nil
}
