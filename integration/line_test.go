package integration_test

import (
	"context"
	"net"
	"sync"
)

// line is a network whose connections can go silent: they stay open, and nothing comes back.
// The zero value works.
type line struct {
	mu     sync.Mutex
	silent chan struct{} // closed when talk goes on; nil while it does
}

// stall makes all connections silent until resume is called.
func (l *line) stall() (resume func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	silent := make(chan struct{})
	l.silent = silent
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.silent = nil
		close(silent)
	}
}

func (l *line) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &silentConn{Conn: conn, line: l, closed: make(chan struct{})}, nil
}

// silentConn keeps what it reads to itself while the line is stalled.
type silentConn struct {
	net.Conn
	line   *line
	once   sync.Once
	closed chan struct{}
}

func (c *silentConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.line.mu.Lock()
	silent := c.line.silent
	c.line.mu.Unlock()
	if silent != nil {
		select {
		case <-silent:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return n, err
}

func (c *silentConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
