package churn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crew is the workers of a run, those that are gone included.
type crew struct {
	*testing.T
	order Order
	dir   string

	all []*worker
}

// worker is a process.
type worker struct {
	life    Life
	journal string
	cmd     *exec.Cmd
	output  *bytes.Buffer
	exited  chan struct{}
	err     error // of the process, once it has exited
	frozen  *Span // it is at the moment
	leaving bool
}

// hire starts a worker.
func (c *crew) hire() {
	c.Helper()
	name := fmt.Sprintf("worker-%d", len(c.all))
	w := &worker{
		life: Life{Name: name}, journal: filepath.Join(c.dir, name), output: &bytes.Buffer{}, exited: make(chan struct{}),
	}
	order := c.order
	order.Name, order.Journal = name, w.journal
	text, err := json.Marshal(order)
	require.NoError(c, err)
	w.cmd = exec.Command(os.Args[0]) //nolint:noctx // it is told to stop
	w.cmd.Env = append(os.Environ(), OrderEnv+"="+string(text))
	w.cmd.Stdout, w.cmd.Stderr = w.output, w.output
	w.cmd.SysProcAttr = deathSignal()
	require.NoError(c, w.cmd.Start())
	go func() {
		w.err = w.cmd.Wait()
		close(w.exited)
	}()
	c.all = append(c.all, w)
	c.say("%s is hired", name)
}

// say logs what is done to the crew, with the time that journals have.
func (c *crew) say(format string, args ...any) {
	c.Logf("%s "+format, append([]any{clock(time.Now())}, args...)...)
}

// present returns the workers that are neither gone nor frozen nor leaving.
func (c *crew) present() []*worker {
	var list []*worker
	for _, w := range c.all {
		if w.frozen == nil && !w.leaving && w.life.Fate.Killed.IsZero() {
			list = append(list, w)
		}
	}
	return list
}

func (c *crew) signal(w *worker, s syscall.Signal) {
	c.Helper()
	require.NoError(c, w.cmd.Process.Signal(s), "%s: %s", w.life.Name, w.output)
}

// leave tells a worker to stop.
func (c *crew) leave(w *worker) {
	w.leaving = true
	c.say("%s is told to stop", w.life.Name)
	c.signal(w, syscall.SIGTERM)
}

// kill ends a worker with no time to do anything.
func (c *crew) kill(w *worker) {
	c.signal(w, syscall.SIGKILL)
	<-w.exited
	w.life.Fate.Killed = time.Now()
	c.say("%s is killed", w.life.Name)
}

func (c *crew) freeze(w *worker) {
	c.signal(w, syscall.SIGSTOP)
	w.frozen = &Span{From: time.Now()}
	c.say("%s is frozen", w.life.Name)
}

// thaw wakes those that have been frozen for at least d.
func (c *crew) thaw(d time.Duration) {
	for _, w := range c.all {
		if w.frozen != nil && time.Since(w.frozen.From) >= d {
			c.signal(w, syscall.SIGCONT)
			w.frozen.To = time.Now()
			c.say("%s is woken", w.life.Name)
			w.life.Fate.Frozen = append(w.life.Fate.Frozen, *w.frozen)
			w.frozen = nil
		}
	}
}

// churn does one thing to the crew.
func (c *crew) churn(random *rand.Rand, frozenFor time.Duration) {
	c.thaw(frozenFor)
	here := c.present()
	const least, most = 2, 5
	if len(here) < least {
		c.hire()
		return
	}
	victim := here[random.IntN(len(here))]
	switch action := random.IntN(4); {
	case action == 0 && len(here) < most:
		c.hire()
	case action == 1:
		c.leave(victim)
	case action == 2:
		c.kill(victim)
	default:
		c.freeze(victim)
	}
}

// dismiss stops all, and fails the test for each that did not end well.
func (c *crew) dismiss() {
	c.Helper()
	c.thaw(0)
	for _, w := range c.present() {
		c.leave(w)
	}
	var wg sync.WaitGroup
	for _, w := range c.all {
		wg.Go(func() {
			select {
			case <-w.exited:
			case <-time.After(time.Minute):
				_ = w.cmd.Process.Signal(syscall.SIGQUIT)
				<-w.exited
				c.Errorf("%s did not end when told to:\n%s", w.life.Name, w.output)
				return
			}
			if w.err != nil && w.life.Fate.Killed.IsZero() {
				c.Errorf("%s: %v\n%s", w.life.Name, w.err, w.output)
			}
		})
	}
	wg.Wait()
}

// lives reads the journals.
func (c *crew) lives() []Life {
	c.Helper()
	var all []Life
	for _, w := range c.all {
		if _, err := os.Stat(w.journal); err != nil {
			continue // it was killed before it began
		}
		entries, err := ReadJournal(w.journal)
		require.NoError(c, err)
		w.life.Entries = entries
		all = append(all, w.life)
	}
	return all
}
