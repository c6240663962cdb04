//nolint:revive,staticcheck // The names with underscores are those that protoc-gen-go-grpc gives.
package reflexpb

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The service is written by hand, as its name on the wire is in a package that only luno/reflex may register.
const (
	serviceName = "reflexpb.Reflex"
	streamName  = "Stream"

	// Reflex_Stream_FullMethodName is the name of the method on the wire.
	Reflex_Stream_FullMethodName = "/" + serviceName + "/" + streamName
)

// ReflexClient is a client of the service.
type ReflexClient interface {
	// Stream asks for a stream of events. It returns before the server has answered, so that what is
	// wrong with the request is the error of the first Recv. End the stream by
	// cancelling ctx, or by receiving until there is an error; otherwise it is leaked.
	Stream(ctx context.Context, in *StreamRequest, opts ...grpc.CallOption) (Reflex_StreamClient, error)
}

// Reflex_StreamClient is the client's side of an open stream. It is for one goroutine.
type Reflex_StreamClient interface {
	// Recv blocks until the next event and returns it, or the error that ended the stream.
	Recv() (*Event, error)
	grpc.ClientStream
}

// ReflexServer is what a server of the service implements. It must embed
// UnimplementedReflexServer, or UnsafeReflexServer.
type ReflexServer interface {
	// Stream sends events until the stream ends, and returns why.
	Stream(req *StreamRequest, stream Reflex_StreamServer) error
	mustEmbedUnimplementedReflexServer()
}

// Reflex_StreamServer is the server's side of an open stream. It is for one goroutine.
type Reflex_StreamServer interface {
	// Send blocks while the client doesn't receive and the buffers of the transport are full.
	Send(event *Event) error
	grpc.ServerStream
}

// UnimplementedReflexServer is embedded by servers, so that they still compile when
// the service gains a method.
type UnimplementedReflexServer struct{}

// Stream returns a status with the code Unimplemented.
func (UnimplementedReflexServer) Stream(*StreamRequest, Reflex_StreamServer) error {
	return status.Error(codes.Unimplemented, "method Stream not implemented")
}

func (UnimplementedReflexServer) mustEmbedUnimplementedReflexServer() {}

// UnsafeReflexServer may be embedded instead, by those who want a method that is missing to be an
// error of the compiler.
type UnsafeReflexServer interface {
	mustEmbedUnimplementedReflexServer()
}

// Reflex_ServiceDesc describes the service to gRPC. It is not to be changed.
//
//nolint:gochecknoglobals // gRPC's users expect the variable.
var Reflex_ServiceDesc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*ReflexServer)(nil),
	Methods:     []grpc.MethodDesc{},
	Streams: []grpc.StreamDesc{
		{StreamName: streamName, Handler: handleStream, ServerStreams: true},
	},
	Metadata: "kreflex/reflexpb/reflex.proto",
}

// RegisterReflexServer adds the service to a gRPC server. Do so before Serve.
func RegisterReflexServer(s grpc.ServiceRegistrar, srv ReflexServer) {
	s.RegisterService(&Reflex_ServiceDesc, srv)
}

func handleStream(srv any, stream grpc.ServerStream) error {
	req := new(StreamRequest)
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	return srv.(ReflexServer).Stream(req, &grpc.GenericServerStream[StreamRequest, Event]{ServerStream: stream})
}

// NewReflexClient returns a client of the service at the other end of the connection. It is safe
// for concurrent use.
func NewReflexClient(cc grpc.ClientConnInterface) ReflexClient {
	return &reflexClient{conn: cc}
}

type reflexClient struct {
	conn grpc.ClientConnInterface
}

var _ ReflexClient = (*reflexClient)(nil)

func (c *reflexClient) Stream(ctx context.Context, in *StreamRequest, opts ...grpc.CallOption) (Reflex_StreamClient, error) {
	stream, err := c.conn.NewStream(ctx, &Reflex_ServiceDesc.Streams[0], Reflex_Stream_FullMethodName, opts...)
	if err != nil {
		return nil, err
	}
	client := &grpc.GenericClientStream[StreamRequest, Event]{ClientStream: stream}
	if err := client.SendMsg(in); err != nil {
		return nil, err
	}
	if err := client.CloseSend(); err != nil {
		return nil, err
	}
	return client, nil
}
