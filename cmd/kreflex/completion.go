package main

import (
	"context"
	"io"

	"github.com/alecthomas/kong"
)

// completionCommand prints a script for a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (*completionCommand) Help() string {
	return `The script is made of the commands and flags of this version, and asks nobody: it doesn't know topics or consumers.

  bash: source <(kreflex completion bash)                                       in ~/.bashrc
  zsh:  kreflex completion zsh > "${fpath[1]}/_kreflex"
  fish: kreflex completion fish > ~/.config/fish/completions/kreflex.fish`
}

// Run prints it.
func (c *completionCommand) Run(_ context.Context, std stdio) error {
	parser, err := newParser(kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	script := map[string]func([]completionNode) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err = io.WriteString(std.out, script(completionNodes(parser.Model.Node, "")))
	return err
}
