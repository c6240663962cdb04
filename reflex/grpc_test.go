package reflex_test

import (
	"context"
	"errors"
	"net"
	"testing"

	jettisongrpc "github.com/luno/jettison/grpc"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// wire says which side has jettison's interceptors.
type wire struct{ server, client bool }

// wires are all that services may have.
var wires = map[string]wire{
	"plain":            {},
	"jettison server":  {server: true},
	"jettison client":  {client: true},
	"jettison on both": {server: true, client: true},
}

// served is a stream behind a gRPC server in memory, and a client of it.
type served struct {
	server *reflex.Server
	conn   *grpc.ClientConn
	// stream is the client's WrapStreamPB.
	stream reflex.StreamFunc
}

// handler is the gRPC method of a test.
type handler struct {
	reflexpb.UnimplementedReflexServer
	stream func(*reflexpb.StreamRequest, reflexpb.Reflex_StreamServer) error
}

func (h handler) Stream(req *reflexpb.StreamRequest, ss reflexpb.Reflex_StreamServer) error {
	return h.stream(req, ss)
}

// serve serves the source with a reflex.Server.
func serve(t *testing.T, w wire, source reflex.StreamFunc) *served {
	t.Helper()
	server := reflex.NewServer()
	s := serveMethod(t, w, func(req *reflexpb.StreamRequest, ss reflexpb.Reflex_StreamServer) error {
		return server.Stream(source, req, ss)
	})
	s.server = server
	t.Cleanup(server.Stop)
	return s
}

// serveMethod serves a method that is not a reflex.Server's.
func serveMethod(t *testing.T, w wire, method func(*reflexpb.StreamRequest, reflexpb.Reflex_StreamServer) error) *served {
	t.Helper()
	var serverOpts []grpc.ServerOption
	if w.server {
		serverOpts = append(serverOpts, grpc.StreamInterceptor(jettisongrpc.StreamServerInterceptor))
	}
	// Stop also waits for methods.
	srv := grpc.NewServer(append(serverOpts, grpc.WaitForHandlers(true))...)
	reflexpb.RegisterReflexServer(srv, handler{stream: method})

	listener := bufconn.Listen(64 << 10)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(listener) }()
	t.Cleanup(func() {
		srv.Stop()
		// A test that ends at once stops it before it has begun to serve.
		if err := <-done; !errors.Is(err, grpc.ErrServerStopped) {
			require.NoError(t, err)
		}
	})

	dialOpts := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}
	if w.client {
		dialOpts = append(dialOpts, grpc.WithStreamInterceptor(jettisongrpc.StreamClientInterceptor))
	}
	conn, err := grpc.NewClient("passthrough:///memory", dialOpts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	client := reflexpb.NewReflexClient(conn)
	return &served{
		conn: conn,
		stream: reflex.WrapStreamPB(func(ctx context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
			return client.Stream(ctx, req)
		}),
	}
}

// open opens a stream of the client.
func (s *served) open(t *testing.T, after string, opts ...reflex.StreamOption) reflex.StreamClient {
	t.Helper()
	client, err := s.stream(t.Context(), after, opts...)
	require.NoError(t, err)
	return client
}

// lastErr receives until the error that ends the stream.
func lastErr(client interface{ Recv() (*reflex.Event, error) }) error {
	for {
		if _, err := client.Recv(); err != nil {
			return err
		}
	}
}
