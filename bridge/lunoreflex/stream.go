package lunoreflex

import (
	"context"
	"io"

	luno "github.com/luno/reflex"

	"github.com/kreflex/kreflex/reflex"
)

// ToLunoStream returns a stream of kreflex, such as the Stream of a kafkastream.Partition, for whatever
// takes one of luno/reflex: its Run, its patterns, its gRPC server.
//
// Cursors are handed on as they are. A stream made of nil returns ErrNil.
func ToLunoStream(stream reflex.StreamFunc) luno.StreamFunc {
	if stream == nil {
		return func(context.Context, string, ...luno.StreamOption) (luno.StreamClient, error) {
			return nil, nilError("stream")
		}
	}
	return func(ctx context.Context, after string, opts ...luno.StreamOption) (luno.StreamClient, error) {
		client, err := stream(ctx, after, FromLunoOptions(opts...)...)
		if err != nil {
			return nil, err
		}
		if client == nil {
			return nil, ErrNoClient
		}
		if closer, ok := client.(io.Closer); ok {
			return closingToLuno{toLunoClient{client}, closer}, nil
		}
		return toLunoClient{client}, nil
	}
}

// FromLunoStream returns a stream of luno/reflex, such as ToStream of an rsql events table or
// what WrapStreamPB makes of a gRPC client, for whatever takes one of kreflex.
//
// Cursors are handed on as they are. A stream made of nil returns ErrNil.
func FromLunoStream(stream luno.StreamFunc) reflex.StreamFunc {
	if stream == nil {
		return func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
			return nil, nilError("stream")
		}
	}
	return func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := stream(ctx, after, ToLunoOptions(opts...)...)
		if err != nil {
			return nil, err
		}
		if client == nil {
			return nil, ErrNoClient
		}
		if closer, ok := client.(io.Closer); ok {
			return closingFromLuno{fromLunoClient{client}, closer}, nil
		}
		return fromLunoClient{client}, nil
	}
}

var (
	_ reflex.Positioner = toLunoClient{}
	_ reflex.Positioner = fromLunoClient{}
)

type toLunoClient struct{ client reflex.StreamClient }

func (c toLunoClient) Recv() (*luno.Event, error) {
	e, err := c.client.Recv()
	if err != nil {
		return nil, err
	}
	if e == nil {
		// Run of luno/reflex would crash the program.
		return nil, reflex.ErrNoEvent
	}
	return ToLunoEvent(e), nil
}

// Position is for whoever brings the stream back over the bridge, and for those who know of reflex.Positioner.
func (c toLunoClient) Position() (string, bool) { return position(c.client) }

// closingToLuno is a type of its own, so that a client has a Close only
// if there is something to be closed.
type closingToLuno struct {
	toLunoClient
	io.Closer
}

type fromLunoClient struct{ client luno.StreamClient }

func (c fromLunoClient) Recv() (*reflex.Event, error) {
	e, err := c.client.Recv()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, reflex.ErrNoEvent
	}
	return FromLunoEvent(e), nil
}

func (c fromLunoClient) Position() (string, bool) { return position(c.client) }

// position asks the client where it began, in case it knows.
func position(client any) (cursor string, ok bool) {
	if p, is := client.(reflex.Positioner); is {
		return p.Position()
	}
	return "", false
}

type closingFromLuno struct {
	fromLunoClient
	io.Closer
}
