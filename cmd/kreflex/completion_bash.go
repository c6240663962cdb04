package main

import (
	"fmt"
	"strings"
)

// bashCompletion returns the script for bash. The words of a command line that are commands make the path; what may
// come next depends on it.
func bashCompletion(nodes []completionNode) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) }
	line("# Completion of kreflex in bash.")
	line("_kreflex() {")
	line("  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' words='' skip='' word")
	completionPath(line, nodes, `"${COMP_WORDS[@]:1:COMP_CWORD-1}"`)
	line(`  case "$path $prev" in`)
	for _, node := range nodes {
		for _, flag := range node.flags {
			for _, name := range flag.names {
				switch {
				case len(flag.values) > 0:
					line("    %s) COMPREPLY=($(compgen -W %s -- \"$cur\")); return ;;", completionQuote(node.path+" "+name), completionQuote(strings.Join(flag.values, " ")))
				case flag.takes:
					line("    %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;", completionQuote(node.path+" "+name))
				}
			}
		}
	}
	line("  esac")
	line(`  case "$path" in`)
	for _, node := range nodes {
		line("    %s) words=%s ;;", completionQuote(node.path), completionQuote(strings.Join(node.words(), " ")))
	}
	line("  esac")
	line(`  COMPREPLY=($(compgen -W "$words" -- "$cur"))`)
	line("}")
	line("complete -F _kreflex kreflex")
	return text.String()
}

// completionPath finds the command that was typed so far, in bash and zsh.
func completionPath(line func(string, ...any), nodes []completionNode, words string) {
	line("  for word in %s; do", words)
	line("    if [[ -n $skip ]]; then skip=''; continue; fi")
	line(`    case "$word" in`)
	line("      %s) skip=1; continue ;;", strings.Join(completionValueFlags(nodes), "|"))
	line("    esac")
	line(`    case "$path $word" in`)
	var paths []string
	for _, node := range nodes {
		if node.path != "" {
			paths = append(paths, completionQuote(node.path))
		}
	}
	line(`      %s) path="$path $word" ;;`, strings.Join(paths, "|"))
	line("    esac")
	line("  done")
}

// words are all that can come next.
func (n completionNode) words() []string {
	words := append([]string(nil), n.values...)
	for _, command := range n.commands {
		words = append(words, command.word)
	}
	for _, flag := range n.flags {
		words = append(words, flag.names...)
	}
	return words
}
