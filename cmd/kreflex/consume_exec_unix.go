//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// isolate gives a command a process group of its own. An interrupt from the
// keyboard goes to the whole group of the terminal, and would end the command in
// the middle of the event that we let it finish. When its time is up the group
// is killed: a shell that is killed alone leaves what it started behind.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
