package main

import (
	"fmt"
	"strings"
)

// zshCompletion returns the script for zsh, which shows the help of each word.
func zshCompletion(nodes []completionNode) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) }
	line("#compdef kreflex")
	line("_kreflex() {")
	line("  local path_='' skip='' word prev=${words[CURRENT-1]}")
	line("  local -a found")
	completionPath(func(format string, args ...any) {
		// path is an array of zsh's own.
		line("%s", strings.ReplaceAll(fmt.Sprintf(format, args...), "path", "path_"))
	}, nodes, `"${(@)words[2,CURRENT-1]}"`)
	line(`  case "$path_ $prev" in`)
	for _, node := range nodes {
		for _, flag := range node.flags {
			for _, name := range flag.names {
				switch {
				case len(flag.values) > 0:
					line("    %s) compadd -- %s; return ;;", completionQuote(node.path+" "+name), strings.Join(flag.values, " "))
				case flag.takes:
					line("    %s) _files; return ;;", completionQuote(node.path+" "+name))
				}
			}
		}
	}
	line("  esac")
	line(`  case "$path_" in`)
	for _, node := range nodes {
		line("    %s) found=(%s) ;;", completionQuote(node.path), strings.Join(zshWords(node), " "))
	}
	line("  esac")
	line("  _describe kreflex found")
	line("}")
	line(`if [[ "$funcstack[1]" = _kreflex ]]; then _kreflex "$@"; else compdef _kreflex kreflex; fi`)
	return text.String()
}

func zshWords(node completionNode) []string {
	var words []string
	add := func(word, help string) {
		words = append(words, completionQuote(word+":"+strings.ReplaceAll(help, ":", ",")))
	}
	for _, value := range node.values {
		add(value, "")
	}
	for _, command := range node.commands {
		add(command.word, command.help)
	}
	for _, flag := range node.flags {
		for _, name := range flag.names {
			add(name, flag.help)
		}
	}
	return words
}
