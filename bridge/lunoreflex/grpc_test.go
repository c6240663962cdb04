package lunoreflex_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	jettisongrpc "github.com/luno/jettison/grpc"
	luno "github.com/luno/reflex"
	lunopb "github.com/luno/reflex/reflexpb"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kreflex/kreflex/bridge/lunoreflex"
	"github.com/kreflex/kreflex/bridge/lunoreflex/bridgetest"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
	"github.com/kreflex/kreflex/reflex/reflextest"
)

// connection is a way to set gRPC up: services have jettison's interceptors, or don't, on either side.
type connection struct {
	name           string
	server, client bool // has the interceptors
}

var connections = []connection{
	{"plain", false, false},
	{"with interceptors", true, true},
	{"with those of the server", true, false},
	{"with those of the client", false, true},
}

// serve starts a gRPC server and returns a connection to it. Both end with the test, after stop was called.
func (c connection) serve(tb testing.TB, register func(*grpc.Server), stop func()) *grpc.ClientConn {
	tb.Helper()
	var serverOpts []grpc.ServerOption
	if c.server {
		serverOpts = append(serverOpts, grpc.StreamInterceptor(jettisongrpc.StreamServerInterceptor))
	}
	clientOpts := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if c.client {
		clientOpts = append(clientOpts, grpc.WithStreamInterceptor(jettisongrpc.StreamClientInterceptor))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	server := grpc.NewServer(serverOpts...)
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), clientOpts...)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		stop()
		conn.Close()
		server.Stop()
		// A test that ends at once stops the server before it has begun to serve.
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			tb.Errorf("serve: %v", err)
		}
	})
	return conn
}

// ourServer is a service of kreflex.
type ourServer struct {
	reflexpb.UnimplementedReflexServer
	*reflex.Server
	stream reflex.StreamFunc
}

func (s *ourServer) Stream(req *reflexpb.StreamRequest, ss reflexpb.Reflex_StreamServer) error {
	return s.Server.Stream(s.stream, req, ss)
}

// lunoServer is a service of luno/reflex.
type lunoServer struct {
	lunopb.UnimplementedReflexServer
	*luno.Server
	stream luno.StreamFunc
	once   chan struct{} // has room for the one Stop that there may be
}

func (s *lunoServer) Stream(req *lunopb.StreamRequest, ss lunopb.Reflex_StreamServer) error {
	return s.Server.Stream(s.stream, req, ss)
}

func (s *lunoServer) Stop() {
	select {
	case s.once <- struct{}{}:
		s.Server.Stop()
	default: // it panics the second time
	}
}

// lunoClientOfOurs returns the stream that a client of luno/reflex has of kreflex's server.
func lunoClientOfOurs(tb testing.TB, c connection, stream reflex.StreamFunc) (theirs luno.StreamFunc, stop func()) {
	tb.Helper()
	server := &ourServer{Server: reflex.NewServer(), stream: stream}
	conn := c.serve(tb, func(s *grpc.Server) { reflexpb.RegisterReflexServer(s, server) }, server.Stop)
	client := lunopb.NewReflexClient(conn)
	return luno.WrapStreamPB(func(ctx context.Context, req *lunopb.StreamRequest) (luno.StreamClientPB, error) {
		return client.Stream(ctx, req)
	}), server.Stop
}

// ourClientOfLuno returns the stream that a client of kreflex has of luno/reflex's server.
func ourClientOfLuno(tb testing.TB, c connection, stream luno.StreamFunc) (ours reflex.StreamFunc, stop func()) {
	tb.Helper()
	server := &lunoServer{Server: luno.NewServer(), stream: stream, once: make(chan struct{}, 1)}
	conn := c.serve(tb, func(s *grpc.Server) { lunopb.RegisterReflexServer(s, server) }, server.Stop)
	client := reflexpb.NewReflexClient(conn)
	return reflex.WrapStreamPB(func(ctx context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
		return client.Stream(ctx, req)
	}), server.Stop
}

// Consumers of luno/reflex, unchanged, get the events of a Kafka partition from a server of kreflex by their
// own gRPC client.
func TestLunoConsumersOverGRPC(t *testing.T) {
	bridgetest.RunConsumerTests(t, func(tb testing.TB) bridgetest.Backend {
		tb.Helper()
		l := newLog(tb)
		stream, _ := lunoClientOfOurs(tb, connections[1], l.orders.Stream)
		return bridgetest.Backend{
			Stream: stream,
			Append: l.appendLuno,
			OpenCursors: func(tb testing.TB) luno.CursorStore {
				tb.Helper()
				return lunoreflex.ToLunoCursors(l.openCursors(tb).For(l.orders))
			},
		}
	})
}

// A client of kreflex keeps the contract with a server of luno/reflex. That looks for the head when it gets to it, and
// ahead of its client, so a stream from there or up to there is not as exact.
func TestClientOfALunoServerKeepsTheContract(t *testing.T) {
	for _, toHead := range []bool{false, true} {
		t.Run("to head "+strconv.FormatBool(toHead), func(t *testing.T) {
			reflextest.RunStreamTests(t, reflextest.StreamHarness{
				New: func(tb testing.TB) reflextest.Source {
					tb.Helper()
					l := newLog(tb)
					stream, _ := ourClientOfLuno(tb, connections[1], lunoreflex.ToLunoStream(l.orders.Stream))
					return reflextest.Source{Stream: stream, Append: l.append}
				},
				Live:               !toHead,
				ToHead:             toHead,
				Lag:                true,
				Cancel:             true,
				Closer:             true,
				IntegerIDs:         true,
				BadCursors:         []string{"x", "-2", "1000000"},
				TimestampPrecision: time.Millisecond,
				Trace:              true,
			})
		})
	}
}

// Options and fields have the same place on the wire.
func TestRequestsAndEventsOnTheWire(t *testing.T) {
	want := reflex.Event{
		ID: "0", Type: eventType(-3), ForeignID: "ü", Timestamp: time.Unix(1, 2).UTC(), MetaData: []byte{0, 255}, Trace: []byte("trace"),
	}
	options := reflex.StreamOptions{Lag: time.Second + 1, StreamFromHead: true, StreamToHead: true}
	check := func(t *testing.T, got *reflex.Event, err error) {
		t.Helper()
		require.NoError(t, err)
		require.True(t, reflex.IsType(got.Type, want.Type))
		got.Type = want.Type
		require.Equal(t, &want, got)
	}
	t.Run("our server", func(t *testing.T) {
		stream, _ := lunoClientOfOurs(t, connections[0], func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			require.Equal(t, "7@x:1", after)
			require.Equal(t, options, reflex.ResolveOptions(opts...))
			return reflex.NewMockStream([]*reflex.Event{&want}, reflex.ErrHeadReached)(ctx, "")
		})
		client, err := stream(t.Context(), "7@x:1", func(o *luno.StreamOptions) { *o = luno.StreamOptions(options) })
		require.NoError(t, err)
		got, err := client.Recv()
		check(t, lunoreflex.FromLunoEvent(got), err)
	})
	t.Run("their server", func(t *testing.T) {
		stream, _ := ourClientOfLuno(t, connections[0], func(ctx context.Context, after string, opts ...luno.StreamOption) (luno.StreamClient, error) {
			require.Equal(t, "7@x:1", after)
			require.Equal(t, luno.StreamOptions(options), luno.ResolveOptions(opts...))
			return luno.NewMockStream([]*luno.Event{lunoreflex.ToLunoEvent(&want)}, luno.ErrHeadReached)(ctx, "")
		})
		client, err := stream(t.Context(), "7@x:1", func(o *reflex.StreamOptions) { *o = options })
		require.NoError(t, err)
		got, err := client.Recv()
		check(t, got, err)
	})
}

// With interceptors on both sides each library knows what ended the stream of the other. Without, kreflex's server
// still says it, and kreflex knows it also in what a client of luno/reflex returns.
func TestErrorsOverGRPC(t *testing.T) {
	for _, c := range connections {
		t.Run(c.name, func(t *testing.T) {
			t.Run("our server", func(t *testing.T) {
				head := endOfLuno(lunoClientOfOurs(t, c, reflex.NewMockStream(nil, reflex.ErrHeadReached)))(t, false)
				require.True(t, reflex.IsHeadReachedErr(head), "%v", head)
				stopped := endOfLuno(lunoClientOfOurs(t, c, reflex.NewMockStream(nil, nil)))(t, true)
				require.True(t, reflex.IsStoppedErr(stopped), "%v", stopped)
				require.True(t, reflex.IsExpected(stopped), "%v", stopped)
				if c.server && c.client {
					require.True(t, luno.IsHeadReachedErr(head), "%v", head)
					require.True(t, luno.IsStoppedErr(stopped), "%v", stopped)
				}
			})
			t.Run("their server", func(t *testing.T) {
				head := endOfOurs(ourClientOfLuno(t, c, lunoreflex.ToLunoStream(reflex.NewMockStream(nil, reflex.ErrHeadReached))))(t, false)
				stopped := endOfOurs(ourClientOfLuno(t, c, lunoreflex.ToLunoStream(reflex.NewMockStream(nil, nil))))(t, true)
				require.Error(t, head)
				require.Error(t, stopped)
				if !c.server {
					return // it says nothing but a text
				}
				for _, is := range []bool{reflex.IsHeadReachedErr(head), reflex.IsStoppedErr(stopped), reflex.IsExpected(stopped)} {
					require.True(t, is, "%v, %v", head, stopped)
				}
			})
			t.Run("cancel", func(t *testing.T) {
				theirs, _ := lunoClientOfOurs(t, c, reflex.NewMockStream(nil, nil))
				ours, _ := ourClientOfLuno(t, c, lunoreflex.ToLunoStream(reflex.NewMockStream(nil, nil)))
				for _, stream := range []reflex.StreamFunc{ours, lunoreflex.FromLunoStream(theirs)} {
					ctx, cancel := context.WithCancel(t.Context())
					client, err := stream(ctx, "")
					require.NoError(t, err)
					cancel()
					_, err = client.Recv()
					require.True(t, reflex.IsExpected(err), "%v", err)
				}
			})
		})
	}
}

// endOfLuno and endOfOurs return what ends the stream, with the server stopped if stopping.
func endOfLuno(stream luno.StreamFunc, stop func()) func(*testing.T, bool) error {
	return endOfOurs(lunoreflex.FromLunoStream(stream), stop)
}

func endOfOurs(stream reflex.StreamFunc, stop func()) func(*testing.T, bool) error {
	return func(t *testing.T, stopping bool) error {
		t.Helper()
		client, err := stream(t.Context(), "")
		require.NoError(t, err)
		if stopping {
			stop()
		}
		_, err = client.Recv()
		require.False(t, errors.Is(err, reflex.ErrNoEvent), "%v", err)
		return err
	}
}
