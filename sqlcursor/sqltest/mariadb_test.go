package sqltest_test

import (
	"context"
	"os"
	"path/filepath"

	"github.com/go-sql-driver/mysql"
)

// startMariaDB starts a server. On an error nothing is left of it.
func startMariaDB(ctx context.Context) (_ *server, err error) {
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	daemon, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	// Not below the directory of the test: the path of a socket is limited to some 100 bytes.
	dir, err := os.MkdirTemp("", "kreflex-my-")
	if err != nil {
		return nil, err
	}
	flags := func(more ...string) []string {
		flags := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data")}
		if os.Getuid() == 0 {
			flags = append(flags, "--user=root") // it refuses to run as root otherwise
		}
		return append(flags, more...)
	}
	socket := filepath.Join(dir, "socket")
	config := mysql.NewConfig() // as the driver has it by default, so without parseTime
	config.User, config.Net, config.Addr, config.DBName = "root", "unix", socket, "test"
	config.Logger = &mysql.NopLogger{} // it would log each try of awaitReady
	admin := config.Clone()
	admin.DBName = ""
	s := &server{
		dir: dir, driver: "mysql", dsn: admin.FormatDSN(),
		daemon: append([]string{daemon}, flags(
			"--socket="+socket, "--pid-file="+filepath.Join(dir, "pid"), "--skip-networking", "--max-connections=500",
			// A column in a time zone would be seen to be wrong, and so would names that are folded.
			"--default-time-zone=+05:30", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
			// What survives a power cut is nobody's concern here.
			"--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--skip-log-bin")...),
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.setup(ctx, install, flags("--auth-root-authentication-method=normal", "--skip-test-db")...); err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx); err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "create database test"); err != nil {
		return nil, err
	}
	s.dsn = config.FormatDSN()
	return s, nil
}
