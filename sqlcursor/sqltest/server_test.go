package sqltest_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

const (
	startTimeout = 2 * time.Minute // of a machine that is busy with other tests
	pingInterval = 20 * time.Millisecond
)

// guard runs a command for as long as its own input is open, so that the server ends with the
// program that started it, however that ends.
const guard = `"$@" </dev/null & pid=$!; cat >/dev/null; kill -9 "$pid"; wait "$pid"`

// server is a database server with a data directory of its own, which listens on a socket in it.
type server struct {
	dir        string
	driver     string
	dsn        string
	daemon     []string
	credential *syscall.Credential // nil is ours

	cmd   *exec.Cmd
	stdin io.Closer
}

// launch starts the process.
func (s *server) launch() error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command("sh", append([]string{"-c", guard, "sh"}, s.daemon...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	s.cmd.Dir = s.dir
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	return s.cmd.Start()
}

// kill ends the process at once.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.stdin.Close()
	_ = s.cmd.Wait() // it is killed, so how it ended says nothing
	s.cmd = nil
}

// close ends the process and removes its data.
func (s *server) close() {
	s.kill()
	_ = os.RemoveAll(s.dir)
}

// awaitReady launches the process, again where the one before still holds the data, until it answers.
func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	const launchEvery = 5 * time.Second
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	var launched time.Time
	for {
		if time.Since(launched) > launchEvery {
			s.kill()
			if err := s.launch(); err != nil {
				return err
			}
			launched = time.Now()
		}
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(s.log())
			return errors.Wrap(err, "await the server", j.KV("log", tail(log)))
		}
	}
}

func (s *server) log() string { return filepath.Join(s.dir, "log") }

// setup runs a program that prepares the data directory.
func (s *server) setup(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.Wrap(err, "set the server up", j.KV("output", tail(out)))
	}
	return nil
}

// find returns the path of a program, which Debian has where the PATH of a user doesn't look.
func find(name string, patterns ...string) (string, error) {
	candidates := []string{name}
	for _, pattern := range append(patterns, "/usr/sbin", "/usr/local/sbin") {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, dir := range dirs {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("there is no " + name)
}

// tail returns the last lines of the output.
func tail(out []byte) string {
	const most = 10
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	return fmt.Sprint(strings.Join(lines[max(0, len(lines)-most):], "\n"))
}
