package reflex

import (
	"context"
	"strconv"

	"github.com/luno/jettison/errors"
)

// NewMockStream returns a stream of a fixed list of events, for tests. It delivers those
// whose integer ID is above the cursor, "" being below 0, and then endErr for ever. A nil
// endErr means that the stream goes on without events: Recv blocks until the context is done.
//
// Each call starts with the whole list. Options are ignored. A cursor that is
// not an integer is an error. Recv returns the error of a context that is done.
func NewMockStream(events []*Event, endErr error) StreamFunc {
	return func(ctx context.Context, after string, _ ...StreamOption) (StreamClient, error) {
		var prev int64 = -1
		if after != "" {
			id, err := strconv.ParseInt(after, 10, 64)
			if err != nil {
				return nil, errors.Wrap(err, "cursor is not an integer")
			}
			prev = id
		}
		return &mockClient{ctx: ctx, events: events, after: prev, endErr: endErr}, nil
	}
}

type mockClient struct {
	ctx    context.Context
	events []*Event
	after  int64
	endErr error
}

var _ StreamClient = (*mockClient)(nil)

func (c *mockClient) Recv() (*Event, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	for len(c.events) > 0 {
		e := c.events[0]
		c.events = c.events[1:]
		if e.IDInt() > c.after {
			return e, nil
		}
	}
	if c.endErr != nil {
		return nil, c.endErr
	}
	<-c.ctx.Done()
	return nil, c.ctx.Err()
}
