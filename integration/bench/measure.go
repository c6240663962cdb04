package main

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// cost is that of one event.
type cost struct {
	rate   float64 // events per second
	cpu    float64 // nanoseconds of this process, in user and system
	allocs float64
	bytes  float64
}

// measure runs a contender and divides what it took by what it read.
func measure(read func() (int, error)) (cost, error) {
	runtime.GC() // so that nobody pays for the one before
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	n, err := read()
	took := time.Since(start)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return cost{}, err
	}
	events := float64(n)
	return cost{
		rate:   events / took.Seconds(),
		cpu:    float64(cpu.Nanoseconds()) / events,
		allocs: float64(after.Mallocs-before.Mallocs) / events,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / events,
	}, nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// cpuModel returns what Linux says of the first CPU.
func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
