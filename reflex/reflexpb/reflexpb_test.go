package reflexpb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// A binary that links luno/reflex too has registered these names already, and would panic.
func TestNothingIsRegisteredUnderTheNamesOfLunoReflex(t *testing.T) {
	_, err := protoregistry.GlobalFiles.FindFileByPath("reflex.proto")
	require.ErrorIs(t, err, protoregistry.NotFound)
	for _, name := range []string{"reflexpb", "reflexpb.Event", "reflexpb.Reflex", "reflexpb.StreamRequest"} {
		_, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		require.ErrorIs(t, err, protoregistry.NotFound, name)
	}
	require.NotNil(t, reflexpb.File_reflex_proto)
	require.Equal(t, reflexpb.File_kreflex_reflexpb_reflex_proto, reflexpb.File_reflex_proto)
	require.Equal(t, 4, reflexpb.File_reflex_proto.Messages().Len())
}

func TestServiceHasTheNameOfLunoReflexOnTheWire(t *testing.T) {
	require.Equal(t, "/reflexpb.Reflex/Stream", reflexpb.Reflex_Stream_FullMethodName)
	srv := grpc.NewServer()
	t.Cleanup(srv.Stop)
	reflexpb.RegisterReflexServer(srv, reflexpb.UnimplementedReflexServer{})
	require.Equal(t, map[string]grpc.ServiceInfo{"reflexpb.Reflex": {
		Methods:  []grpc.MethodInfo{{Name: "Stream", IsServerStream: true}},
		Metadata: "kreflex/reflexpb/reflex.proto",
	}}, srv.GetServiceInfo())
}

// The bytes are what services on both sides agree on. They are spelled out here by field number and
// wire type, as a wrong number in the .proto would be wrong on both sides of any round trip.
func TestMessagesHaveTheFieldsOfLunoReflex(t *testing.T) {
	varint := func(b []byte, num protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
	}
	text := func(b []byte, num protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	seconds := func(s, n uint64) string { return string(varint(varint(nil, 1, s), 2, n)) }

	var event []byte
	event = varint(event, 3, 7)
	event = text(event, 4, seconds(5, 6))
	event = text(event, 5, "foreign")
	event = text(event, 6, "id")
	event = text(event, 7, "metadata")
	event = text(event, 8, "trace")
	requireDecodes(t, event, &reflexpb.Event{
		Type: 7, Timestamp: timestamppb.New(time.Unix(5, 6)), ForeignId: "foreign", Id: "id",
		Metadata: []byte("metadata"), Trace: []byte("trace"),
	})

	var options []byte
	options = text(options, 1, seconds(3, 4))
	options = varint(options, 2, 1)
	options = varint(options, 4, 1)
	requireDecodes(t, options, &reflexpb.StreamOptions{
		Lag: durationpb.New(3*time.Second + 4), FromHead: true, ToHead: true,
	})

	requireDecodes(t, text(text(nil, 2, string(options)), 3, "12"), &reflexpb.StreamRequest{
		After:   "12",
		Options: &reflexpb.StreamOptions{Lag: durationpb.New(3*time.Second + 4), FromHead: true, ToHead: true},
	})

	requireDecodes(t, text(text(nil, 1, "trace"), 2, "span"), &reflexpb.Trace{TraceId: "trace", SpanId: "span"})
}

func requireDecodes[M interface {
	*T
	proto.Message
}, T any](t *testing.T, b []byte, want M,
) {
	t.Helper()
	got := M(new(T))
	require.NoError(t, proto.Unmarshal(b, got))
	require.Truef(t, proto.Equal(want, got), "got %v", got)
	require.Empty(t, got.ProtoReflect().GetUnknown())
}

// The trace of an event is encoded by hand elsewhere.
func TestTraceOfAnEventIsATrace(t *testing.T) {
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
		sc := trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1, 2, 0xab}, SpanID: trace.SpanID{3, 0xcd}, TraceFlags: flags,
		})
		var got reflexpb.Trace
		require.NoError(t, proto.Unmarshal(reflex.EncodeTrace(sc), &got))
		require.Equal(t, sc.TraceID().String(), got.GetTraceId())
		require.Equal(t, sc.SpanID().String(), got.GetSpanId())
		require.Equal(t, uint32(flags), got.GetTraceFlags())
		require.Empty(t, got.ProtoReflect().GetUnknown())

		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&got)
		require.NoError(t, err)
		require.Equal(t, reflex.EncodeTrace(sc), b)
	}
}
