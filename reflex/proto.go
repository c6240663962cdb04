package reflex

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// ErrNotSendable is returned by Server.Stream at an event that the messages of gRPC have no room for: one whose
// type is not an int32, or whose ID or foreign ID is not UTF-8. The event is not skipped. Serve the stream
// through a StreamFunc that gives the event another form, or consume it without gRPC.
var ErrNotSendable = errors.New("event can't be sent over gRPC", j.C("ERR_84eec9270209f176"))

// protoType is the type of an event that came over gRPC.
type protoType int32

func (t protoType) ReflexType() int { return int(t) }

// eventToProto returns the message of an event, which shares its memory. A nil type is sent as 0, as a stream
// whose source knows no types can be served too.
func eventToProto(e *Event) (*reflexpb.Event, error) {
	var typ int
	if e.Type != nil {
		typ = e.Type.ReflexType()
	}
	if typ < math.MinInt32 || typ > math.MaxInt32 {
		return nil, errors.Wrap(ErrNotSendable, "its type is not an int32", j.MKV{"event_id": e.ID, "type": typ})
	}
	// Protobuf would refuse these too, but its error doesn't tell the event.
	if !utf8.ValidString(e.ID) {
		return nil, errors.Wrap(ErrNotSendable, "its ID is not UTF-8", j.KV("event_id", e.ID))
	}
	if !utf8.ValidString(e.ForeignID) {
		return nil, errors.Wrap(ErrNotSendable, "its foreign ID is not UTF-8", j.KV("event_id", e.ID))
	}
	return &reflexpb.Event{
		Id:        e.ID,
		Type:      int32(typ),
		ForeignId: e.ForeignID,
		Timestamp: timestamppb.New(e.Timestamp),
		Metadata:  e.MetaData,
		Trace:     e.Trace,
	}, nil
}

// eventFromProto returns the event of a message, which shares its memory.
func eventFromProto(pb *reflexpb.Event) *Event {
	e := &Event{
		ID:        pb.GetId(),
		Type:      protoType(pb.GetType()),
		ForeignID: pb.GetForeignId(),
		MetaData:  pb.GetMetadata(),
		Trace:     pb.GetTrace(),
	}
	// No timestamp is no time, and not the beginning of 1970.
	if at := pb.GetTimestamp(); at != nil {
		e.Timestamp = at.AsTime()
	}
	return e
}

func optsToProto(opts StreamOptions) *reflexpb.StreamOptions {
	pb := &reflexpb.StreamOptions{FromHead: opts.StreamFromHead, ToHead: opts.StreamToHead}
	if opts.Lag > 0 {
		pb.Lag = durationpb.New(opts.Lag)
	}
	return pb
}

func optsFromProto(pb *reflexpb.StreamOptions) []StreamOption {
	var opts []StreamOption
	if lag := lagFromProto(pb.GetLag()); lag > 0 {
		opts = append(opts, WithStreamLag(lag))
	}
	if pb.GetFromHead() {
		opts = append(opts, WithStreamFromHead())
	}
	if pb.GetToHead() {
		opts = append(opts, WithStreamToHead())
	}
	return opts
}

// lagFromProto returns the nearest duration: a lag of more than 292 years is one of 292 years.
func lagFromProto(pb *durationpb.Duration) time.Duration {
	if pb == nil {
		return 0
	}
	return pb.AsDuration()
}
