package migrate

import (
	"context"

	"google.golang.org/grpc"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// DefaultGRPCMethod is that of the service reflexpb.Reflex. Services of luno/reflex mostly have methods
// of their own, such as "/orderspb.Orders/StreamEvents".
const DefaultGRPCMethod = "/reflexpb.Reflex/Stream"

// GRPC returns the stream of a gRPC method, of this library or of luno/reflex, without its generated client:
// any method will do that takes a StreamRequest and streams Events. The connection is the caller's.
//
// Nil and empty metadata are the same on the wire, and nil here.
func GRPC(conn grpc.ClientConnInterface, method string) reflex.StreamFunc {
	return reflex.WrapStreamPB(func(ctx context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
		if err != nil {
			return nil, err
		}
		client := &grpc.GenericClientStream[reflexpb.StreamRequest, reflexpb.Event]{ClientStream: stream}
		if err := client.SendMsg(req); err != nil {
			return nil, err
		}
		return client, client.CloseSend()
	})
}
