package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
)

// cuttableNetwork dials until it is cut, like the network of a process that dies.
type cuttableNetwork struct {
	mu    sync.Mutex
	gone  bool
	conns map[net.Conn]struct{}
}

var errNetworkCut = errors.New("the network is cut", j.C("ERR_8e25c7f1b03d496a"))

const networkDialTimeout = 5 * time.Second

func newCuttableNetwork() *cuttableNetwork {
	return &cuttableNetwork{conns: make(map[net.Conn]struct{})}
}

// dial is for kgo.Dialer.
func (n *cuttableNetwork) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.isCut() {
		return nil, errNetworkCut
	}
	dialer := net.Dialer{Timeout: networkDialTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone { // while it was dialed
		return nil, errors.Join(errNetworkCut, conn.Close())
	}
	n.conns[conn] = struct{}{}
	return &cuttableConn{Conn: conn, network: n}, nil
}

// cut closes all connections, and lets none be made any more.
func (n *cuttableNetwork) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = true
	for conn := range n.conns {
		_ = conn.Close() // it is gone either way
	}
	clear(n.conns)
}

func (n *cuttableNetwork) isCut() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

// cuttableConn is one connection; only its end is of interest.
type cuttableConn struct {
	net.Conn
	network *cuttableNetwork
}

// Close closes the connection.
func (c *cuttableConn) Close() error {
	c.network.mu.Lock()
	delete(c.network.conns, c.Conn)
	c.network.mu.Unlock()
	return c.Conn.Close()
}
