package churn

import "syscall"

// deathSignal ends workers with the test, however that ends.
func deathSignal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
