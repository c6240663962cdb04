package grpctest

import (
	"context"
	"testing"

	jettisongrpc "github.com/luno/jettison/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// Client consumes the stream of a Server. It is safe for concurrent use.
type Client struct {
	conn   *grpc.ClientConn
	stream reflex.StreamFunc
}

// NewClient returns a client of the server at the address, without encryption. It connects with the first
// stream, and is closed at the end of the test.
func NewClient(tb testing.TB, url string) *Client {
	tb.Helper()
	conn, err := grpc.NewClient(url,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(jettisongrpc.UnaryClientInterceptor),
		grpc.WithStreamInterceptor(jettisongrpc.StreamClientInterceptor),
	)
	if err != nil {
		tb.Fatalf("client of %s: %v", url, err)
	}
	client := reflexpb.NewReflexClient(conn)
	cl := &Client{conn: conn, stream: reflex.WrapStreamPB(
		func(ctx context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
			return client.Stream(ctx, req)
		})}
	tb.Cleanup(func() {
		// The test may have closed it, which makes this an error.
		_ = cl.Close()
	})
	return cl
}

// StreamEvents is the reflex.StreamFunc of the server's stream.
func (c *Client) StreamEvents(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
	return c.stream(ctx, after, opts...)
}

// Close ends all streams of the client and its connection. The second time it returns an error.
func (c *Client) Close() error { return c.conn.Close() }
