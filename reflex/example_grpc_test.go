package reflex_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
	"github.com/kreflex/kreflex/rpatterns"
)

// ordersServer is a gRPC server of the events of orders.
type ordersServer struct {
	reflexpb.UnimplementedReflexServer
	reflex *reflex.Server
	orders reflex.StreamFunc // such as that of a kafkastream.Partition
}

// Stream is the gRPC method. Any method that streams reflexpb.Event for a reflexpb.StreamRequest may do so.
func (s *ordersServer) Stream(req *reflexpb.StreamRequest, stream reflexpb.Reflex_StreamServer) error {
	return s.reflex.Stream(s.orders, req, stream)
}

// Serve a stream over gRPC, and shut down so that clients know to come again.
func ExampleServer() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := &ordersServer{
		reflex: reflex.NewServer(),
		orders: reflex.NewMockStream([]*reflex.Event{
			{ID: "0", Type: testType(1), ForeignID: "order 10"},
			{ID: "1", Type: testType(1), ForeignID: "order 11"},
		}, nil),
	}
	server := grpc.NewServer()
	reflexpb.RegisterReflexServer(server, orders)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	err = consumeOrders(listener.Addr().String(), func(e *reflex.Event) {
		fmt.Println(e.ID, e.ForeignID)
		if e.ID == "1" {
			// Streams first, as GracefulStop waits for them.
			go orders.reflex.Stop()
		}
	})
	fmt.Println(reflex.IsStoppedErr(err), reflex.IsExpected(err))

	server.GracefulStop()
	fmt.Println(<-served)
	// Output:
	// 0 order 10
	// 1 order 11
	// true true
	// <nil>
}

// consumeOrders consumes the stream of the server at the address until it ends. It is all that a consumer of
// another service needs: the cursor is kept on its own side.
func consumeOrders(address string, bill func(*reflex.Event)) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := reflexpb.NewReflexClient(conn)

	stream := reflex.WrapStreamPB(func(ctx context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
		return client.Stream(ctx, req)
	})
	consumer := reflex.NewConsumer("billing", func(_ context.Context, e *reflex.Event) error {
		bill(e)
		return nil
	})
	return reflex.Run(context.Background(), reflex.NewSpec(stream, rpatterns.MemCursorStore(), consumer))
}
