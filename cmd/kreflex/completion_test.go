package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func completionScript(t *testing.T, shell string) string {
	t.Helper()
	code, out, stderr := kreflex(bounded(t), "", "completion", shell)
	require.Equal(t, exitOK, code, stderr)
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o600))
	return file
}

// complete runs a shell, which must be installed.
func complete(t *testing.T, shell, script string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Skip("there is no " + shell)
	}
	out, err := exec.CommandContext(bounded(t), path, append([]string{"-c", script, shell}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

var completions = []struct{ line, has, hasNot string }{
	{"kreflex ", "cursors", "demo-worker"},
	{"kreflex cursors ", "reset", "tail"},
	{"kreflex cursors re", "reset", "list"},
	{"kreflex cursors reset billing --to", "--to-offset", "--apply"},
	{"kreflex cursors --brokers lag re", "reset", "--watch"}, // the value of a flag is no command
	{"kreflex cursors list --output ", "json", "--output"},
	{"kreflex tail orders --f", "--follow", "--watch"},
	{"kreflex completion ", "zsh", ""},
}

func TestBashCompletes(t *testing.T) {
	file := completionScript(t, "bash")
	for _, c := range completions {
		out := complete(t, "bash", `source "$1"; COMP_WORDS=($2); [[ $2 = *\  ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _kreflex; printf '%s\n' "${COMPREPLY[@]}"`, file, c.line)
		requireCompletes(t, c.line, out, c.has, c.hasNot)
	}
}

func TestFishCompletes(t *testing.T) {
	file := completionScript(t, "fish")
	for _, c := range completions {
		out := complete(t, "fish", `source $argv[2]; complete -C $argv[3]`, file, c.line)
		requireCompletes(t, c.line, out, c.has, c.hasNot)
	}
}

func requireCompletes(t *testing.T, line, out, has, hasNot string) {
	t.Helper()
	var words []string
	for found := range strings.Lines(out) {
		word, _, _ := strings.Cut(strings.TrimSuffix(found, "\n"), "\t")
		words = append(words, word)
	}
	require.Contains(t, words, has, line)
	if hasNot != "" {
		require.NotContains(t, words, hasNot, line)
	}
}

// zsh completes only in its line editor, so that what it is given is looked at without it.
func TestZshCompletes(t *testing.T) {
	file := completionScript(t, "zsh")
	for _, c := range completions {
		out := complete(t, "zsh", `
compdef() {}
_files() {}
_describe() { print -l -- "${found[@]%%:*}" }
compadd() { shift; print -l -- "$@" }
source "$1"
words=(${=2}); [[ $2 = *\  ]] && words+=('')
CURRENT=${#words}
_kreflex`, file, c.line)
		// Without the editor nobody leaves out what doesn't begin like the last word.
		requireCompletes(t, c.line, out, c.has, map[bool]string{true: c.hasNot}[strings.HasSuffix(c.line, " ")])
	}
}
