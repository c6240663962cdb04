// Package mysqltest gives tests a MariaDB of their own, with databases like those that
// services with luno/reflex have.
package mysqltest

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
	"time"

	"github.com/go-sql-driver/mysql"
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

// server is a running MariaDB with a data directory of its own, which listens on a socket in it.
type server struct {
	dir   string
	stdin io.Closer
	done  chan struct{} // closed when the process has ended
}

// start starts a server. On an error nothing is left of it.
func start(ctx context.Context) (_ *server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	install, daemon, err := binaries()
	if err != nil {
		return nil, err
	}
	// Not below the directory of the test: the path of a socket is limited to some 100 bytes.
	dir, err := os.MkdirTemp("", "kreflex-mysql-")
	if err != nil {
		return nil, errors.Wrap(err, "directory of MariaDB")
	}
	s := &server{dir: dir, done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	setup := exec.CommandContext(ctx, install, s.flags(
		"--auth-root-authentication-method=normal", "--skip-test-db")...)
	if out, err := setup.CombinedOutput(); err != nil {
		close(s.done)
		return nil, errors.Wrap(err, "set MariaDB up", j.KV("output", tail(out)))
	}
	if err := s.launch(daemon); err != nil {
		close(s.done)
		return nil, err
	}
	return s, s.awaitReady(ctx)
}

// launch starts the process, and the goroutine that waits for its end.
func (s *server) launch(daemon string) error {
	args := append([]string{"-c", guard, "sh", daemon}, s.flags(
		"--socket="+s.socket(), "--pid-file="+filepath.Join(s.dir, "pid"), "--log-error="+s.log(), "--skip-networking",
		"--max-connections=500", "--default-time-zone=+00:00",
		// What survives a power cut is nobody's concern here.
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin")...)
	cmd := exec.Command("sh", args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return errors.Wrap(err, "start MariaDB")
	}
	if err := cmd.Start(); err != nil {
		return errors.Wrap(err, "start MariaDB")
	}
	s.stdin = stdin
	go func() {
		defer close(s.done)
		_ = cmd.Wait() // it is killed, so how it ended says nothing
	}()
	return nil
}

func (s *server) awaitReady(ctx context.Context) error {
	db, err := s.open("")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(s.log())
			return errors.Wrap(err, "await MariaDB", j.KV("log", tail(log)))
		}
	}
}

// close ends the process and removes its data.
func (s *server) close() {
	if s.stdin != nil {
		_ = s.stdin.Close()
	}
	<-s.done
	_ = os.RemoveAll(s.dir)
}

// open returns a pool of connections to a database, or to none if it is "".
func (s *server) open(database string) (*sql.DB, error) {
	connector, err := mysql.NewConnector(s.config(database))
	if err != nil {
		return nil, errors.Wrap(err, "open database")
	}
	return sql.OpenDB(connector), nil
}

// config says how to connect, in the way that users of rsql do.
func (s *server) config(database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User = "root"
	c.Net = "unix"
	c.Addr = s.socket()
	c.DBName = database
	c.ParseTime = true
	c.Loc = time.UTC
	c.Collation = "utf8mb4_bin"
	c.Logger = &mysql.NopLogger{} // it would log each try of awaitReady
	return c
}

func (s *server) socket() string { return filepath.Join(s.dir, "socket") }
func (s *server) log() string    { return filepath.Join(s.dir, "log") }

// flags returns those of the installation and of the server, before more.
func (s *server) flags(more ...string) []string {
	flags := []string{"--no-defaults", "--datadir=" + filepath.Join(s.dir, "data")}
	if os.Getuid() == 0 {
		flags = append(flags, "--user=root") // it refuses to run as root otherwise
	}
	return append(flags, more...)
}

// binaries finds the programs, which Debian has where only root looks.
func binaries() (install, daemon string, err error) {
	find := func(name string) (string, error) {
		for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
			if found, err := exec.LookPath(path); err == nil {
				return found, nil
			}
		}
		return "", errors.New("there is no " + name)
	}
	if install, err = find("mariadb-install-db"); err != nil {
		return "", "", err
	}
	daemon, err = find("mariadbd")
	return install, daemon, err
}

// tail returns the last lines of the output.
func tail(out []byte) string {
	const most = 10
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	return fmt.Sprint(strings.Join(lines[max(0, len(lines)-most):], "\n"))
}
