package reflex_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// fakeClientPB is the client's side of a stream without gRPC.
type fakeClientPB struct {
	recv   func() (*reflexpb.Event, error)
	header func() (metadata.MD, error)
	close  func() error
}

func (c *fakeClientPB) Recv() (*reflexpb.Event, error) { return c.recv() }
func (c *fakeClientPB) Header() (metadata.MD, error)   { return c.header() }
func (c *fakeClientPB) Close() error                   { return c.close() }

// wrapOf returns the StreamFunc of the client that fn returns.
func wrapOf(fn func(ctx context.Context) (reflex.StreamClientPB, error)) reflex.StreamFunc {
	return reflex.WrapStreamPB(func(ctx context.Context, _ *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
		return fn(ctx)
	})
}

func TestErrorOfWrapIsReturnedAsItIs(t *testing.T) {
	stream := wrapOf(func(context.Context) (reflex.StreamClientPB, error) { return nil, errEnd })
	client, err := stream(t.Context(), "")
	require.Nil(t, client)
	require.Equal(t, errEnd, err)
}

func TestStreamThatIsNotOpenedHasNoContextLeft(t *testing.T) {
	var ctx context.Context
	stream := wrapOf(func(c context.Context) (reflex.StreamClientPB, error) {
		ctx = c
		return nil, errEnd
	})
	_, err := stream(t.Context(), "")
	require.Equal(t, errEnd, err)
	require.Error(t, ctx.Err())
}

// Close did not exist. A stream that was given up, as by a Run that ended with an error of
// its consumer, went on at the server until its context was cancelled.
func TestCloseEndsTheStreamAtTheServer(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			s := serve(t, w, func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
				client, err := waiting(ctx, after, opts...)
				return &fakeClient{recv: client.Recv, close: func() error {
					ended <- ctx.Err()
					return nil
				}}, err
			})
			client := s.open(t, "", reflex.WithStreamFromHead())
			res := make(chan error, 1)
			go func() { res <- lastErr(client) }()

			closer, ok := client.(io.Closer)
			require.True(t, ok)
			require.NoError(t, closer.Close())
			require.ErrorIs(t, <-ended, context.Canceled)
			require.Equal(t, reflex.ErrClosed, <-res)
			require.Equal(t, reflex.ErrClosed, lastErr(client))
			require.NoError(t, closer.Close())
		})
	}
}

func TestCloseClosesAClientThatIsACloser(t *testing.T) {
	stream := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
		return &fakeClientPB{close: func() error { return errDone }}, nil
	})
	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, errDone, client.(io.Closer).Close())
}

// gRPC goes on with what it has received already.
func TestCloseWhileRecvHasAnEvent(t *testing.T) {
	var client reflex.StreamClient
	calls := 0
	stream := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
		return &fakeClientPB{recv: func() (*reflexpb.Event, error) {
			calls++
			require.NoError(t, client.(io.Closer).Close())
			return &reflexpb.Event{Id: "1"}, nil
		}, close: func() error { return nil }}, nil
	})
	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	for range 2 {
		e, err := client.Recv()
		require.Nil(t, e)
		require.Equal(t, reflex.ErrClosed, err)
	}
	require.Equal(t, 1, calls)
}

func TestRecvAfterCloseDeliversNothing(t *testing.T) {
	s := serve(t, wire{}, reflex.NewMockStream(events(20), nil))
	client := s.open(t, "")
	_, err := client.Recv()
	require.NoError(t, err)
	require.NoError(t, client.(io.Closer).Close())
	for range 2 {
		_, err := client.Recv()
		require.Equal(t, reflex.ErrClosed, err)
	}
}

// A stream that has ended holds nothing, also if nobody closes it.
func TestEndOfAStreamReleasesItsContext(t *testing.T) {
	var ctx context.Context
	stream := wrapOf(func(c context.Context) (reflex.StreamClientPB, error) {
		ctx = c
		return &messages{}, nil
	})
	client, err := stream(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, ctx.Err())
	require.Equal(t, errEnd, lastErr(client))
	require.Error(t, ctx.Err())
	require.Equal(t, errEnd, lastErr(client))
}

// What ends a context first shows as an error of the connection, if the connection is closed with it.
func TestEndOfAContextIsTheErrorOfTheStream(t *testing.T) {
	t.Run("closed connection", func(t *testing.T) {
		s := serve(t, wire{}, waiting)
		ctx, cancel := context.WithCancel(t.Context())
		client, err := s.stream(ctx, "")
		require.NoError(t, err)
		cancel()
		require.NoError(t, s.conn.Close())
		err = lastErr(client)
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, reflex.IsExpected(err))
	})
	t.Run("in Recv", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client, err := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
			return &fakeClientPB{recv: func() (*reflexpb.Event, error) {
				cancel()
				return nil, errEnd
			}}, nil
		})(ctx, "")
		require.NoError(t, err)
		err = lastErr(client)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errEnd)
		require.EqualError(t, err, "end")
	})
	t.Run("deadline seen by the server first", func(t *testing.T) {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
		defer cancel()
		client, err := wrapOf(func(context.Context) (reflex.StreamClientPB, error) { return &messages{}, nil })(lateContext{ctx}, "")
		require.NoError(t, err)
		err = lastErr(client)
		require.ErrorIs(t, err, errEnd)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
			return nil, errors.New("called with a context that is done")
		})(ctx, "")
		require.Equal(t, context.Canceled, err)
	})
	t.Run("deadline", func(t *testing.T) {
		for name, w := range wires {
			t.Run(name, func(t *testing.T) {
				// The server has the deadline too, and either side may be first.
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				client, err := serve(t, w, waiting).stream(ctx, "")
				if err == nil {
					err = lastErr(client)
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.True(t, reflex.IsExpected(errors.Wrap(err, "recv error")))
			})
		}
	})
}

// lateContext is one whose deadline has passed, before it is done.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now(), true }

// The StreamFunc used to return before the server had looked for its head, so that what was inserted next was
// sometimes not delivered: an event was skipped.
func TestFromHeadIsResolvedWhenTheStreamIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := false
		client, err := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
			return &fakeClientPB{header: func() (metadata.MD, error) {
				pass(500 * time.Millisecond) // the server looks for its head
				opened = true
				return nil, nil
			}, close: func() error { return nil }}, nil
		})(t.Context(), "", reflex.WithStreamFromHead())
		require.NoError(t, err)
		require.True(t, opened)
		require.NoError(t, client.(io.Closer).Close())
	})
}

func TestServerSaysThatAStreamIsOpen(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			resolved := make(chan struct{})
			s := serve(t, w, func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
				defer close(resolved)
				return waiting(ctx, after, opts...)
			})
			client, err := reflexpb.NewReflexClient(s.conn).Stream(t.Context(), &reflexpb.StreamRequest{})
			require.NoError(t, err)
			headers, err := client.Header() // and not with the first event, which never comes
			require.NoError(t, err)
			require.NotNil(t, headers)
			select {
			case <-resolved:
			default:
				require.Fail(t, "the stream is open before that of the source")
			}
		})
	}
}

// A server of luno/reflex sends its headers with the first event, which may never come.
func TestFromHeadOfAServerThatDoesNotSayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, err := wrapOf(func(ctx context.Context) (reflex.StreamClientPB, error) {
			return &fakeClientPB{
				header: func() (metadata.MD, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				},
				recv:  func() (*reflexpb.Event, error) { return &reflexpb.Event{Id: "1"}, nil },
				close: func() error { return nil },
			}, nil
		})(t.Context(), "", reflex.WithStreamFromHead())
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
		_, err = client.Recv()
		require.NoError(t, err)
		require.NoError(t, client.(io.Closer).Close())
	})
	// And gRPC bears it that headers and events are waited for at once.
	t.Run("gRPC", func(t *testing.T) {
		release := make(chan struct{})
		s := serveMethod(t, wire{}, func(_ *reflexpb.StreamRequest, ss reflexpb.Reflex_StreamServer) error {
			<-release
			for range 100 {
				if err := ss.Send(&reflexpb.Event{Id: "1"}); err != nil {
					return err
				}
			}
			return errEnd
		})
		client := s.open(t, "", reflex.WithStreamFromHead())
		close(release)
		for range 100 {
			_, err := client.Recv()
			require.NoError(t, err)
		}
		require.ErrorContains(t, lastErr(client), "end")
		require.NoError(t, client.(io.Closer).Close())
	})
}

// Opening a stream whose server can't be reached must end with the context of the caller.
func TestOpeningFromHeadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		release := make(chan struct{})
		defer close(release)
		start := time.Now()
		client, err := wrapOf(func(context.Context) (reflex.StreamClientPB, error) {
			return &fakeClientPB{header: func() (metadata.MD, error) {
				<-release // whatever the context
				return nil, nil
			}}, nil
		})(ctx, "", reflex.WithStreamFromHead())
		require.NoError(t, err)
		require.Equal(t, 100*time.Millisecond, time.Since(start))
		_, err = client.Recv()
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Run of a consumer over gRPC: the server's source is closed when Run has ended, however it ended.
func TestRunOverGRPCClosesTheStreamAtTheServer(t *testing.T) {
	closed := make(chan struct{})
	list := events(3)
	s := serve(t, wire{}, func(ctx context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		client, err := reflex.NewMockStream(list, nil)(ctx, after, opts...)
		return &fakeClient{recv: client.Recv, close: func() error {
			close(closed)
			return nil
		}}, err
	})
	store := new(fakeStore)
	err := reflex.Run(t.Context(), reflex.NewSpec(s.stream, store, consumerOf(func(_ context.Context, e *reflex.Event) error {
		if e.ID == "3" {
			return errDone
		}
		return nil
	})))
	require.EqualError(t, err, "consume error: done")
	require.Equal(t, "2", store.cursor("consumer"))
	<-closed
}
