package everyname

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// Word is what a human says of a name.
type Word struct {
	Package, Name string
	// Status is Better, Absent or Pending. What nobody says anything of has to be the same. What is better, and is
	// missing, is pending.
	Status string
	// Text is how it is better, or why it is absent.
	Text string
}

// The states of a Word.
const (
	Better  = "better"
	Absent  = "absent"
	Pending = "pending" // absent, but not for long
)

// ParseWords reads lines of the form "package name status text", of which the text of Pending may be
// missing. Empty lines and those that begin with # are skipped.
func ParseWords(r io.Reader) ([]Word, error) {
	var (
		words []Word
		seen  = make(map[string]bool)
		lines = bufio.NewScanner(r)
	)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := append(strings.SplitN(line, " ", 4), "", "", "")
		w := Word{parts[0], parts[1], parts[2], parts[3]}
		wrong := ""
		switch {
		case !slices.Contains([]string{Better, Absent, Pending}, w.Status):
			wrong = fmt.Sprintf("%q is none of better, absent and pending", w.Status)
		case w.Text == "" && w.Status != Pending:
			wrong = "it does not say how, or why"
		case seen[w.Package+" "+w.Name]:
			wrong = "it is there twice"
		}
		if wrong != "" {
			return nil, errors.New("words of names: "+wrong, j.MKV{"line": n, "text": line})
		}
		seen[w.Package+" "+w.Name] = true
		words = append(words, w)
	}
	return words, errors.Wrap(lines.Err(), "words of names")
}
