package reflex_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/luno/jettison/errors"
	jettisongrpc "github.com/luno/jettison/grpc"
	"github.com/luno/jettison/j"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

var errSource = errors.New("the source is dry", j.C("ERR_0f0f0f0f0f0f0f0f"))

// Without the interceptors of jettison an error was its text alone, so that a consumer over a plain gRPC
// connection took a server that stopped, or the head, for a failure.
func TestErrorsAreKnownAtTheOtherEnd(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				err  error
				is   []error
				code codes.Code
			}{
				{reflex.ErrStopped, []error{reflex.ErrStopped}, codes.Unavailable},
				{reflex.ErrHeadReached, []error{reflex.ErrHeadReached}, codes.OutOfRange},
				{errSource, []error{errSource}, codes.Unknown},
				{
					errors.Join(fmt.Errorf("more: %w", errSource), errors.Wrap(reflex.ErrHeadReached, "x")),
					[]error{errSource, reflex.ErrHeadReached},
					codes.OutOfRange,
				},
				{context.Canceled, []error{context.Canceled}, codes.Canceled},
				{errors.Wrap(context.DeadlineExceeded, "query"), []error{context.DeadlineExceeded}, codes.DeadlineExceeded},
				{errors.New("no code"), nil, codes.Unknown},
				// gRPC sends no details of a status that is not UTF-8.
				{errors.Wrap(reflex.ErrHeadReached, "foreign ID \xff"), []error{reflex.ErrHeadReached}, codes.OutOfRange},
				{status.Error(codes.PermissionDenied, "not for you"), nil, codes.PermissionDenied},
				{errors.Wrap(errSource, "", j.C("ERR_outer")), []error{errSource, errors.New("", j.C("ERR_outer"))}, codes.Unknown},
			} {
				s := serve(t, w, reflex.NewMockStream([]*reflex.Event{event(1)}, test.err))
				client := s.open(t, "")
				_, err := client.Recv()
				require.NoError(t, err)
				err = lastErr(client)
				require.ErrorContains(t, err, "recv error 2")
				for _, target := range []error{
					reflex.ErrStopped, reflex.ErrHeadReached, errSource, context.Canceled, context.DeadlineExceeded,
				} {
					want := errors.IsAny(target, test.is...)
					require.Equalf(t, want, errors.Is(err, target), "%v is %v", err, target)
				}
				for _, target := range test.is {
					require.ErrorIs(t, err, target)
				}
				require.Equal(t, errors.Is(err, reflex.ErrStopped), reflex.IsStoppedErr(err))
				require.Equal(t, errors.Is(err, reflex.ErrHeadReached), reflex.IsHeadReachedErr(err))
				require.Equal(t, test.code, status.Code(err))
				require.Equal(t, err, lastErr(client), "the end is final")
			}
		})
	}
}

// The client of a service that was generated from luno/reflex's file, or written by hand, has gRPC's error as it
// came.
func TestErrorsOfAClientThatIsNotWrappedAreKnown(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			for _, want := range []error{reflex.ErrStopped, reflex.ErrHeadReached, context.Canceled, errSource} {
				s := serve(t, w, reflex.NewMockStream(nil, want))
				client, err := reflexpb.NewReflexClient(s.conn).Stream(t.Context(), &reflexpb.StreamRequest{})
				require.NoError(t, err)
				_, err = client.Recv()
				err = errors.Wrap(err, "recv error")
				require.Equal(t, errors.Is(want, reflex.ErrStopped), reflex.IsStoppedErr(err))
				require.Equal(t, errors.Is(want, reflex.ErrHeadReached), reflex.IsHeadReachedErr(err))
				expected := errors.IsAny(want, reflex.ErrStopped, context.Canceled)
				require.Equal(t, expected, reflex.IsExpected(err), err)
			}
		})
	}
}

// A server of luno/reflex returns its errors as they are, and leaves the rest to the interceptor.
func TestErrorsOfAServerThatIsNotOursAreKnownByJettison(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			s := serveMethod(t, w, func(*reflexpb.StreamRequest, reflexpb.Reflex_StreamServer) error {
				return errors.Wrap(reflex.ErrHeadReached, "recv error 2")
			})
			err := lastErr(s.open(t, ""))
			require.Equal(t, w.server, errors.Is(err, reflex.ErrHeadReached))
			require.Equal(t, w.server, reflex.IsHeadReachedErr(err))
		})
	}
}

// Services are chained: what one consumes over gRPC it serves again.
func TestErrorsAreKnownThroughARelay(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			source := serve(t, w, reflex.NewMockStream([]*reflex.Event{event(1)}, errors.Wrap(reflex.ErrHeadReached, "", j.C("ERR_outer"))))
			relay := serve(t, w, source.stream)
			client := relay.open(t, "")
			e, err := client.Recv()
			require.NoError(t, err)
			require.Equal(t, "1", e.ID)
			err = lastErr(client)
			require.True(t, reflex.IsHeadReachedErr(err))
			require.Equal(t, codes.OutOfRange, status.Code(err))
			var told []string
			for _, detail := range status.Convert(err).Details() {
				if info, ok := detail.(*errdetails.ErrorInfo); ok {
					told = append(told, info.GetReason())
				}
			}
			require.Equal(t, []string{"ERR_b4b155d2a91cfcd0", "ERR_outer"}, told, "told once")
		})
	}
}

// What the error says must not change by what is sent beside it: people grep for it.
func TestErrorOfAServerHasItsText(t *testing.T) {
	want := map[string]string{
		"plain":            "rpc error: code = OutOfRange desc = recv error 2: the event stream has reached the current head",
		"jettison server":  "rpc error: code = OutOfRange desc = recv error 2: the event stream has reached the current head",
		"jettison client":  "recv error 2: the event stream has reached the current head",
		"jettison on both": "recv error 2: the event stream has reached the current head",
	}
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			s := serve(t, w, reflex.NewMockStream(nil, reflex.ErrHeadReached))
			require.EqualError(t, lastErr(s.open(t, "")), want[name])
		})
	}
}

// A status goes into headers: an error that joins many must not outgrow them.
func TestStatusOfAnErrorWithManyCodesIsBounded(t *testing.T) {
	var errs []error
	for i := range 1000 {
		errs = append(errs, errors.New("x", j.C(fmt.Sprintf("ERR_%d", i))))
	}
	errs = append(errs, reflex.ErrStopped)
	s := serve(t, wire{}, reflex.NewMockStream(nil, errors.Join(errs...)))
	err := lastErr(s.open(t, ""))
	require.Len(t, status.Convert(err).Details(), 16)
	require.ErrorIs(t, err, errs[0])
	require.ErrorIs(t, err, reflex.ErrStopped)

	s = serve(t, wire{}, reflex.NewMockStream(nil, errors.New("x", j.C(strings.Repeat("long", 100)))))
	require.Empty(t, status.Convert(lastErr(s.open(t, ""))).Details())
}

// Other services give reasons too, which mean something else.
func TestReasonsOfOtherDomainsAreNotOurs(t *testing.T) {
	for domain, want := range map[string]bool{"reflex": true, "billing.example.com": false, "": false} {
		s, err := status.New(codes.Unavailable, "x").WithDetails(
			&errdetails.ErrorInfo{Reason: "ERR_09290f5944cb8671", Domain: domain})
		require.NoError(t, err)
		require.Equal(t, want, reflex.IsStoppedErr(s.Err()), domain)
	}
}

func TestStatusOfAContextMayBeWrapped(t *testing.T) {
	for text, want := range map[string]bool{
		"context canceled":                true,
		"recv error 2: context canceled":  true,
		"the operator's context canceled": false,
		"context canceled: by operator":   false,
		"context deadline exceeded":       false,
	} {
		require.Equal(t, want, reflex.IsExpected(status.Error(codes.Canceled, text)), text)
	}
}

// What comes from the other end is anything.
func FuzzStatus(f *testing.F) {
	detailed, err := status.New(codes.OutOfRange, "x").WithDetails(
		&errdetails.ErrorInfo{Reason: "ERR_b4b155d2a91cfcd0", Domain: "reflex"},
		&errdetails.ErrorInfo{Reason: "ERR_09290f5944cb8671", Domain: "elsewhere"},
	)
	require.NoError(f, err)
	for _, s := range []*status.Status{
		detailed, status.New(codes.Canceled, context.Canceled.Error()), status.New(codes.OK, ""),
		jettisongrpc.Wrap(errors.Join(errors.Wrap(reflex.ErrStopped, "recv error 2"), errSource)).GRPCStatus(),
	} {
		b, err := proto.Marshal(s.Proto())
		require.NoError(f, err)
		f.Add(b)
	}

	f.Fuzz(func(t *testing.T, b []byte) {
		var pb spb.Status
		if proto.Unmarshal(b, &pb) != nil {
			return
		}
		came := status.FromProto(&pb).Err()
		stream := reflex.WrapStreamPB(func(context.Context, *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
			return nil, came
		})
		_, err := stream(t.Context(), "")
		if came == nil {
			return // a nil client without an error: the caller's bug
		}
		require.ErrorIs(t, err, came)
		require.EqualError(t, err, came.Error())
		require.Equal(t, reflex.IsStoppedErr(came), errors.Is(err, reflex.ErrStopped))
		require.Equal(t, reflex.IsHeadReachedErr(came), errors.Is(err, reflex.ErrHeadReached))
		require.Equal(t, reflex.IsExpected(came), reflex.IsExpected(err))
		require.Equal(t, status.Code(came), status.Code(err))
	})
}
