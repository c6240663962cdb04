package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// completionNode is a command as far as a shell completes it.
type completionNode struct {
	path     string // " cursors list", with a blank in front of each word, or empty
	commands []completionWord
	flags    []completionFlag
	values   []string // of its first argument, where they are few
}

type completionWord struct{ word, help string }

type completionFlag struct {
	names  []string // "--output", "-o"
	help   string
	takes  bool     // a value
	values []string // where they are few
}

// completionNodes returns a command and those below it.
func completionNodes(node *kong.Node, path string) []completionNode {
	self := completionNode{path: path}
	var below []completionNode
	for _, child := range node.Children {
		if child.Hidden {
			continue
		}
		self.commands = append(self.commands, completionWord{child.Name, firstSentence(child.Help)})
		below = append(below, completionNodes(child, path+" "+child.Name)...)
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			self.flags = append(self.flags, completionFlagOf(flag))
		}
	}
	if len(node.Positional) > 0 {
		self.values = enumOf(node.Positional[0].Enum)
	}
	return append([]completionNode{self}, below...)
}

func completionFlagOf(flag *kong.Flag) completionFlag {
	names := []string{"--" + flag.Name}
	if flag.Short != 0 {
		names = append(names, "-"+string(flag.Short))
	}
	return completionFlag{names: names, help: firstSentence(flag.Help), takes: !flag.IsBool(), values: enumOf(flag.Enum)}
}

func enumOf(enum string) []string {
	if enum == "" {
		return nil
	}
	return strings.Split(enum, ",")
}

// firstSentence keeps the help of a word in one line.
func firstSentence(help string) string {
	sentence, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(strings.Join(strings.Fields(sentence), " "), ".")
}

// completionQuote is a text as a word of any of the shells: a single quote in it becomes an apostrophe.
func completionQuote(text string) string {
	text = strings.ReplaceAll(text, "\\", "")
	return "'" + strings.ReplaceAll(text, "'", "’") + "'"
}

// completionValueFlags are the names of all flags that take a value, so that the value is not taken for a command.
func completionValueFlags(nodes []completionNode) []string {
	var names []string
	seen := make(map[string]struct{})
	for _, node := range nodes {
		for _, flag := range node.flags {
			for _, name := range flag.names {
				if _, ok := seen[name]; flag.takes && !ok {
					seen[name] = struct{}{}
					names = append(names, name)
				}
			}
		}
	}
	return names
}
