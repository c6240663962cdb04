package sqltest_test

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// startPostgres starts a server. On an error nothing is left of it.
func startPostgres(ctx context.Context) (_ *server, err error) {
	const where = "/usr/lib/postgresql/*/bin"
	initdb, err := find("initdb", where)
	if err != nil {
		return nil, err
	}
	daemon, err := find("postgres", where)
	if err != nil {
		return nil, err
	}
	// Not below the directory of the test: the path of a socket is limited to some 100 bytes.
	dir, err := os.MkdirTemp("", "kreflex-pg-")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	s := &server{
		dir: dir, driver: "pgx", dsn: "host=" + dir + " user=postgres dbname=postgres sslmode=disable",
		daemon: []string{
			daemon, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=200",
			// What survives a power cut is nobody's concern here, unlike what survives the process.
			"-c", "fsync=off",
		},
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if os.Getuid() == 0 { // it refuses to run as root
		if s.credential, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.credential.Uid), int(s.credential.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.setup(ctx, initdb, "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, err
	}
	return s, s.awaitReady(ctx)
}

// unprivileged returns a user who isn't root.
func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
