package reflex_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// messages is the client's side of a stream of fixed messages.
type messages struct{ list []*reflexpb.Event }

func (m *messages) Recv() (*reflexpb.Event, error) {
	if len(m.list) == 0 {
		return nil, errEnd
	}
	e := m.list[0]
	m.list = m.list[1:]
	return e, nil
}

// decoded returns what a client makes of the message.
func decoded(t *testing.T, pb *reflexpb.Event) (*reflex.Event, error) {
	t.Helper()
	stream := reflex.WrapStreamPB(func(context.Context, *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
		return &messages{list: []*reflexpb.Event{pb}}, nil
	})
	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	return client.Recv()
}

// encoded returns the message that a server makes of the event.
func encoded(e *reflex.Event) (*reflexpb.Event, error) {
	var got *reflexpb.Event
	stream := streamOf(&fakeClient{recv: func() (*reflex.Event, error) { return e, nil }})
	err := reflex.NewServer().Stream(stream, nil, fakeStreamServer{
		ctx: context.Background(),
		send: func(pb *reflexpb.Event) error {
			got = pb
			return errEnd
		},
	})
	if got != nil {
		err = nil
	}
	return got, err
}

func TestEventsAsMessages(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 891_234_567, time.FixedZone("far east", 12*60*60))
	pb, err := encoded(&reflex.Event{
		ID: "7", Type: testType(-3), ForeignID: "Ω", Timestamp: at, MetaData: []byte{0, 0xff}, Trace: []byte{1, 0xfe},
	})
	require.NoError(t, err)
	want := &reflexpb.Event{
		Id: "7", Type: -3, ForeignId: "Ω", Timestamp: timestamppb.New(at), Metadata: []byte{0, 0xff}, Trace: []byte{1, 0xfe},
	}
	require.Truef(t, proto.Equal(want, pb), "got %v", pb)

	e, err := decoded(t, pb)
	require.NoError(t, err)
	require.Equal(t, -3, e.Type.ReflexType())
	e.Type = nil
	require.Equal(t, &reflex.Event{
		ID: "7", ForeignID: "Ω", Timestamp: at.UTC(), MetaData: []byte{0, 0xff}, Trace: []byte{1, 0xfe},
	}, e)
}

// A source of another format knows no types, and its stream can be served all the same. It used to
// be a panic.
func TestEventWithoutTypeIsSentAsTypeZero(t *testing.T) {
	pb, err := encoded(&reflex.Event{ID: "1"})
	require.NoError(t, err)
	require.Zero(t, pb.GetType())
}

// An unset timestamp used to come as the beginning of 1970, which no test for zero finds.
func TestNoTimestampIsTheZeroTime(t *testing.T) {
	e, err := decoded(t, &reflexpb.Event{Id: "1"})
	require.NoError(t, err)
	require.True(t, e.Timestamp.IsZero())

	pb, err := encoded(&reflex.Event{ID: "1"})
	require.NoError(t, err)
	e, err = decoded(t, pb)
	require.NoError(t, err)
	require.True(t, e.Timestamp.IsZero())
}

func TestMessageOfNothingIsAnError(t *testing.T) {
	_, err := decoded(t, nil)
	require.ErrorIs(t, err, reflex.ErrNoEvent)
}

// A type beyond int32 used to arrive as another type, which a filter then took or left.
func TestEventsThatMessagesHaveNoRoomFor(t *testing.T) {
	for name, e := range map[string]*reflex.Event{
		"its type is not an int32":    {ID: "1", Type: testType(math.MaxInt32 + 1)},
		"its type is not an int32 ":   {ID: "1", Type: testType(math.MinInt32 - 1)},
		"its ID is not UTF-8":         {ID: "\xff"},
		"its foreign ID is not UTF-8": {ID: "1", ForeignID: "a\xc5z"},
	} {
		t.Run(name, func(t *testing.T) {
			stream := streamOf(&fakeClient{recv: func() (*reflex.Event, error) { return e, nil }})
			s := serve(t, wire{}, stream)
			err := lastErr(s.open(t, ""))
			require.ErrorIs(t, err, reflex.ErrNotSendable)
			require.ErrorContains(t, err, "to proto error: its ")
		})
	}
	for _, typ := range []testType{math.MaxInt32, math.MinInt32} {
		pb, err := encoded(&reflex.Event{ID: "1", Type: typ})
		require.NoError(t, err)
		require.Equal(t, int32(typ), pb.GetType())
	}
}

// What comes from the other end is anything that protobuf can read.
func FuzzEvent(f *testing.F) {
	for _, pb := range []*reflexpb.Event{
		{},
		{Id: "7", Type: -1, ForeignId: "f", Timestamp: timestamppb.Now(), Metadata: []byte("m"), Trace: []byte("t")},
		{Timestamp: &timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: math.MinInt32}},
	} {
		b, err := proto.Marshal(pb)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var pb reflexpb.Event
		if proto.Unmarshal(b, &pb) != nil {
			return
		}
		e, err := decoded(t, &pb)
		require.NoError(t, err)
		require.Equal(t, pb.GetId(), e.ID)
		require.Equal(t, int(pb.GetType()), e.Type.ReflexType())

		// What could be received can be sent on, and arrives as the same.
		again, err := encoded(e)
		require.NoError(t, err)
		got, err := decoded(t, again)
		require.NoError(t, err)
		require.True(t, e.Timestamp.Equal(got.Timestamp))
		e.Timestamp = got.Timestamp
		require.Equal(t, e, got)
	})
}
