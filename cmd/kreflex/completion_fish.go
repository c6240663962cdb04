package main

import (
	"fmt"
	"strings"
)

// fishCompletion returns the script for fish.
func fishCompletion(nodes []completionNode) string {
	var text strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&text, format+"\n", args...) }
	line("# Completion of kreflex in fish.")
	line("function __kreflex_at")
	line("  set -l path ''")
	line("  set -l skip ''")
	line("  set -l words (commandline -opc)")
	line("  for word in $words[2..-1]")
	line("    if test -n \"$skip\"; set skip ''; continue; end")
	line("    if contains -- $word %s; set skip 1; continue; end", strings.Join(completionValueFlags(nodes), " "))
	var paths []string
	for _, node := range nodes[1:] {
		paths = append(paths, completionQuote(node.path))
	}
	line("    if contains -- \"$path $word\" %s; set path \"$path $word\"; end", strings.Join(paths, " "))
	line("  end")
	line("  test \"$path\" = \"$argv[1]\"")
	line("end")
	line("complete -c kreflex -f")
	for _, node := range nodes {
		at := completionQuote(`__kreflex_at "` + node.path + `"`)
		if len(node.values) > 0 {
			line("complete -c kreflex -n %s -a %s", at, completionQuote(strings.Join(node.values, " ")))
		}
		for _, command := range node.commands {
			line("complete -c kreflex -n %s -a %s -d %s", at, command.word, completionQuote(command.help))
		}
		for _, flag := range node.flags {
			line("complete -c kreflex -n %s%s -d %s", at, fishFlag(flag), completionQuote(flag.help))
		}
	}
	return text.String()
}

func fishFlag(flag completionFlag) string {
	text := ""
	for _, name := range flag.names {
		if long, isLong := strings.CutPrefix(name, "--"); isLong {
			text += " -l " + long
		} else {
			text += " -s " + strings.TrimPrefix(name, "-")
		}
	}
	switch {
	case len(flag.values) > 0:
		text += " -x -a " + completionQuote(strings.Join(flag.values, " "))
	case flag.takes:
		text += " -r -F"
	}
	return text
}
