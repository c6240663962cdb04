package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCutNetworkDropsItsConnectionsAndMakesNoMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()

	network := newCuttableNetwork()
	closed, err := network.dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	open, err := network.dial(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	require.Len(t, network.conns, 1, "a closed connection is not kept")

	network.cut()
	_, err = open.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = network.dial(t.Context(), "tcp", listener.Addr().String())
	require.ErrorIs(t, err, errNetworkCut)
}

func TestNetworkIsNotCutByADialThatFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	network := newCuttableNetwork()
	_, err = network.dial(t.Context(), "tcp", listener.Addr().String())
	var opErr *net.OpError
	require.ErrorAs(t, err, &opErr)
	require.False(t, network.isCut())
}
