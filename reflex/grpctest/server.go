package grpctest

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	jettisongrpc "github.com/luno/jettison/grpc"
	"google.golang.org/grpc"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// stopTimeout bounds how long Stop lets the clients have what is sent.
const stopTimeout = 5 * time.Second

// Server serves one stream over gRPC.
type Server struct {
	reflexpb.UnimplementedReflexServer

	stream  reflex.StreamFunc
	streams *reflex.Server
	grpc    *grpc.Server
	served  chan error // the result of Serve
	sent    atomic.Int64
}

var _ reflexpb.ReflexServer = (*Server)(nil)

// NewServer serves the stream on a port of the loopback interface and returns its address, as NewClient
// takes it. It is stopped at the end of the test. The cursor store is not used.
func NewServer(tb testing.TB, stream reflex.StreamFunc, _ reflex.CursorStore) (*Server, string) {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen on the loopback interface: %v", err)
	}
	srv := &Server{
		stream:  stream,
		streams: reflex.NewServer(),
		grpc: grpc.NewServer(
			grpc.UnaryInterceptor(jettisongrpc.UnaryServerInterceptor),
			grpc.StreamInterceptor(jettisongrpc.StreamServerInterceptor),
		),
		served: make(chan error, 1),
	}
	reflexpb.RegisterReflexServer(srv.grpc, srv)
	go func() { srv.served <- srv.grpc.Serve(listener) }()
	tb.Cleanup(func() {
		srv.Stop()
		// A test that ends at once may stop the server before it began to serve.
		if err := <-srv.served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			tb.Errorf("serve on the loopback interface: %v", err)
		}
	})
	return srv, listener.Addr().String()
}

// Stream is the gRPC method.
func (s *Server) Stream(req *reflexpb.StreamRequest, stream reflexpb.Reflex_StreamServer) error {
	return s.streams.Stream(s.stream, req, &counted{Reflex_StreamServer: stream, sent: &s.sent})
}

// SentCount returns how many events were given to gRPC to send, on all streams.
func (s *Server) SentCount() float64 { return float64(s.sent.Load()) }

// Stop ends all streams with reflex.ErrStopped, and then the server. A client that doesn't receive has 5 seconds
// to do so. It may be called again.
func (s *Server) Stop() {
	s.streams.Stop()
	// Clients get their error, if they receive. One that doesn't may not hold up the test.
	timer := time.AfterFunc(stopTimeout, s.grpc.Stop)
	defer timer.Stop()
	s.grpc.GracefulStop()
}

// counted counts what is sent.
type counted struct {
	reflexpb.Reflex_StreamServer
	sent *atomic.Int64
}

func (c *counted) Send(e *reflexpb.Event) error {
	c.sent.Add(1)
	return c.Reflex_StreamServer.Send(e)
}
