package migrate_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/kreflex/kreflex/migrate"
	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/grpctest"
	"github.com/kreflex/kreflex/rpatterns"
)

// A stream over gRPC is copied as it is, times to the microsecond included, and goes on when it has more.
func TestCopyOfAStreamOverGRPC(t *testing.T) {
	broker := keeping(t, "orders")
	source := newFakeSource(numbered(1, 100)...)
	fine := event("101")
	fine.Timestamp = fine.Timestamp.Add(123456 * time.Microsecond)
	source.add(fine)
	_, address := grpctest.NewServer(t, source.stream, rpatterns.MemCursorStore())
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()

	remote := migrate.GRPC(conn, migrate.DefaultGRPCMethod)
	for range 2 {
		_, err = migrate.Copy(bounded(t), remote, broker.Opts(), "orders", 0)
		require.NoError(t, err)
		ids, events := copies(t, broker.Opts(), "orders")
		require.Equal(t, source.ids(), ids)
		require.True(t, fine.Timestamp.Equal(events[100].Timestamp))
		require.True(t, reflex.IsType(fine.Type, events[100].Type))
		source.add(event(strconv.Itoa(1000 + len(source.ids()))))
	}

	_, err = migrate.Copy(bounded(t), migrate.GRPC(conn, "/orderspb.Orders/NoSuchMethod"), broker.Opts(), "orders", 0)
	require.Equal(t, codes.Unimplemented, status.Code(err), err)
}
