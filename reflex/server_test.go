package reflex_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kreflex/kreflex/reflex"
	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// fakeStreamServer is the server's side of a stream without gRPC.
type fakeStreamServer struct {
	ctx  context.Context
	send func(*reflexpb.Event) error
}

func (s fakeStreamServer) Context() context.Context { return s.ctx }

func (s fakeStreamServer) Send(e *reflexpb.Event) error {
	if s.send == nil {
		return nil
	}
	return s.send(e)
}

// waiting is a stream whose Recv waits for its context.
func waiting(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
	return &fakeClient{recv: func() (*reflex.Event, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}, nil
}

// goStream calls Stream and returns its result.
func goStream(s *reflex.Server, stream reflex.StreamFunc, ss fakeStreamServer) <-chan error {
	res := make(chan error, 1)
	go func() { res <- s.Stream(stream, &reflexpb.StreamRequest{}, ss) }()
	return res
}

func TestErrorsOfAServer(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	refuse := func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) { return nil, errEnd }
	one := func(e *reflex.Event, err error) reflex.StreamFunc {
		return streamOf(&fakeClient{recv: func() (*reflex.Event, error) { return e, err }})
	}
	for _, test := range []struct {
		name   string
		stream reflex.StreamFunc
		server fakeStreamServer
		text   string
		is     error
	}{
		{"stream", refuse, fakeStreamServer{ctx: t.Context()}, "end", errEnd},
		{"recv", one(nil, errEnd), fakeStreamServer{ctx: t.Context()}, "recv error 2: end", errEnd},
		// It would be a panic of the whole server.
		{"no event", one(nil, nil), fakeStreamServer{ctx: t.Context()}, "recv error 2: the stream returned neither an event nor an error", reflex.ErrNoEvent},
		{
			"to proto", one(&reflex.Event{Type: testType(math.MaxInt32 + 1)}, nil),
			fakeStreamServer{ctx: t.Context()},
			"to proto error: its type is not an int32: event can't be sent over gRPC", reflex.ErrNotSendable,
		},
		{
			"send", one(event(1), nil),
			fakeStreamServer{ctx: t.Context(), send: func(*reflexpb.Event) error { return errDone }},
			"send error: done", errDone,
		},
		{"context", waiting, fakeStreamServer{ctx: gone}, "context error: context canceled", context.Canceled},
		{
			"close", streamOf(&fakeClient{
				recv:  func() (*reflex.Event, error) { return nil, errEnd },
				close: func() error { return errDone },
			}), fakeStreamServer{ctx: t.Context()}, "recv error 2: end; close error: done", errDone,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := reflex.NewServer().Stream(test.stream, &reflexpb.StreamRequest{}, test.server)
			require.EqualError(t, err, test.text)
			require.ErrorIs(t, err, test.is)
		})
	}
}

// A panic in the goroutine of a stream would end the process, where no interceptor can
// recover from it.
func TestPanicOfASourceIsAnErrorOfItsStream(t *testing.T) {
	s := serve(t, wire{}, func(context.Context, string, ...reflex.StreamOption) (reflex.StreamClient, error) {
		panic("no source")
	})
	require.ErrorContains(t, lastErr(s.open(t, "")), "panic in stream: no source")

	err := reflex.NewServer().Stream(nil, nil, fakeStreamServer{ctx: t.Context()})
	var p *reflex.PanicError
	require.ErrorAs(t, err, &p)
}

func TestServerOpensTheStreamThatIsAskedFor(t *testing.T) {
	type call struct {
		after string
		opts  reflex.StreamOptions
	}
	var got call
	stream := func(_ context.Context, after string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
		got = call{after, reflex.ResolveOptions(opts...)}
		return nil, errEnd
	}
	s := serve(t, wire{}, stream)
	for _, want := range []call{
		{},
		{after: "0"},
		{after: "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4", opts: reflex.StreamOptions{StreamFromHead: true}},
		{opts: reflex.StreamOptions{StreamToHead: true}},
		{opts: reflex.StreamOptions{Lag: time.Nanosecond}},
		{opts: reflex.StreamOptions{Lag: math.MaxInt64, StreamFromHead: true, StreamToHead: true}},
	} {
		err := lastErr(s.open(t, want.after, func(o *reflex.StreamOptions) { *o = want.opts }))
		require.ErrorContains(t, err, "end")
		require.Equal(t, want, got)
	}
	require.Error(t, reflex.NewServer().Stream(stream, nil, fakeStreamServer{ctx: t.Context()}))
	require.Equal(t, call{}, got)
}

func TestWhatIsNoLagIsNoOption(t *testing.T) {
	for _, lag := range []time.Duration{0, -time.Second} {
		var got *reflexpb.StreamRequest
		_, err := reflex.WrapStreamPB(func(_ context.Context, req *reflexpb.StreamRequest) (reflex.StreamClientPB, error) {
			got = req
			return nil, errEnd
		})(t.Context(), "", reflex.WithStreamLag(lag))
		require.Equal(t, errEnd, err)
		require.Nil(t, got.GetOptions().GetLag())

		req := &reflexpb.StreamRequest{Options: &reflexpb.StreamOptions{Lag: durationpb.New(lag)}}
		err = reflex.NewServer().Stream(func(_ context.Context, _ string, opts ...reflex.StreamOption) (reflex.StreamClient, error) {
			require.Empty(t, opts)
			return nil, errEnd
		}, req, fakeStreamServer{ctx: t.Context()})
		require.ErrorIs(t, err, errEnd)
	}
}

// The second Stop was a panic of the program that was about to end well.
func TestStopMayBeCalledAgainAndByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reflex.NewServer()
		first, second := goStream(s, waiting, fakeStreamServer{ctx: t.Context()}), goStream(s, waiting, fakeStreamServer{ctx: t.Context()})
		synctest.Wait()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(s.Stop)
		}
		for _, res := range []<-chan error{first, second} {
			err := <-res
			require.EqualError(t, err, "the event stream has been stopped")
			require.ErrorIs(t, err, reflex.ErrStopped)
		}
		wg.Wait()
		s.Stop()

		// And later streams are not opened.
		err := s.Stream(nil, &reflexpb.StreamRequest{}, fakeStreamServer{ctx: t.Context()})
		require.ErrorIs(t, err, reflex.ErrStopped)
		require.Equal(t, codes.Unavailable, status.Code(err))
	})
}

func TestStopOfAServerWithoutStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		reflex.NewServer().Stop()
		require.Zero(t, time.Since(start))
	})
}

// A source may be closed as soon as Stop has returned, which is what a program does next: so no stream
// may be in the middle of using it.
func TestStopWaitsUntilSourcesAreNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reflex.NewServer()
		closed := false
		res := goStream(s, func(ctx context.Context, _ string, _ ...reflex.StreamOption) (reflex.StreamClient, error) {
			return &fakeClient{
				recv: func() (*reflex.Event, error) {
					<-ctx.Done()
					pass(time.Second)
					return nil, ctx.Err()
				},
				close: func() error {
					pass(time.Second)
					closed = true
					return nil
				},
			}, nil
		}, fakeStreamServer{ctx: t.Context()})
		synctest.Wait()

		start := time.Now()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop()
		}()
		// The client is told at once.
		require.ErrorIs(t, <-res, reflex.ErrStopped)
		require.Zero(t, time.Since(start))
		<-stopped
		require.True(t, closed)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// A Send that waits for its client ends with the stream of gRPC, when the method has returned.
func TestStopEndsAStreamThatWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := reflex.NewServer()
		res := goStream(s, reflex.NewMockStream(events(1), errEnd), fakeStreamServer{
			ctx: ctx,
			send: func(*reflexpb.Event) error {
				<-ctx.Done()
				return ctx.Err()
			},
		})
		synctest.Wait()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			s.Stop()
		}()
		require.ErrorIs(t, <-res, reflex.ErrStopped)
		cancel() // as gRPC does
		<-stopped
	})
}

// A source that ignores its context must not keep the program from ending.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reflex.NewServer()
		release := make(chan struct{})
		res := goStream(s, streamOf(&fakeClient{recv: func() (*reflex.Event, error) {
			<-release
			return nil, errEnd
		}}), fakeStreamServer{ctx: t.Context()})
		synctest.Wait()
		start := time.Now()
		s.Stop()
		require.Equal(t, 10*time.Second, time.Since(start))
		require.ErrorIs(t, <-res, reflex.ErrStopped)
		close(release)
		s.Stop()
	})
}

func TestStreamEndsWhenItsClientIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := reflex.NewServer()
		release := make(chan struct{})
		// Also if the source takes no notice.
		res := goStream(s, streamOf(&fakeClient{recv: func() (*reflex.Event, error) {
			<-release
			return nil, errEnd
		}}), fakeStreamServer{ctx: ctx})
		synctest.Wait()
		cancel()
		err := <-res
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, reflex.IsExpected(err))
		close(release)
		s.Stop()
	})
}

func TestStopOverGRPC(t *testing.T) {
	for name, w := range wires {
		t.Run(name, func(t *testing.T) {
			s := serve(t, w, reflex.NewMockStream(events(2), nil))
			client := s.open(t, "")
			for range 2 {
				_, err := client.Recv()
				require.NoError(t, err)
			}
			go s.server.Stop()
			err := lastErr(client)
			require.True(t, reflex.IsStoppedErr(err), err)
			require.True(t, reflex.IsExpected(errors.Wrap(err, "recv error")), err)
			err = lastErr(s.open(t, ""))
			require.True(t, reflex.IsStoppedErr(err), err)
		})
	}
}
