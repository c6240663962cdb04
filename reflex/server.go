package reflex

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/luno/jettison/errors"
	"google.golang.org/grpc/metadata"

	"github.com/kreflex/kreflex/reflex/reflexpb"
)

// Server streams events for the methods of a gRPC server, and ends all these streams at once. It is safe for
// concurrent use. NewServer makes one.
type Server struct {
	stop chan struct{} // closed by the first Stop
	idle chan struct{} // closed when stopped and the last stream has ended

	mu      sync.Mutex
	stopped bool
	streams int // whose goroutines have not ended
}

// NewServer returns a Server without streams.
func NewServer() *Server {
	return &Server{stop: make(chan struct{}), idle: make(chan struct{})}
}

// streamServerPB is the server's side of a stream over gRPC, as reflexpb.Reflex_StreamServer.
type streamServerPB interface {
	Context() context.Context
	Send(*reflexpb.Event) error
}

// Stop ends all streams with ErrStopped at once, also those that wait for an event or for their client, and those
// that are asked for later. Call it before GracefulStop of the gRPC server, which waits until there are no more
// streams. It may be called again, and by several goroutines.
//
// Stop returns when no stream uses its source any more, but after 10 seconds at the latest: a source
// that ignores its context is then still at work. Don't call it from within a stream.
func (s *Server) Stop() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stop)
		if s.streams == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()

	timer := time.NewTimer(cleanupTimeout)
	defer timer.Stop()
	select {
	case <-s.idle:
	case <-timer.C:
	}
}

// begin counts a stream, unless the server is stopped.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.streams++
	return true
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams--
	if s.stopped && s.streams == 0 {
		close(s.idle)
	}
}

// Stream opens the stream that req asks for and sends its events until it ends. Return its error from the
// gRPC method. It is never nil: ErrStopped after Stop, else the error of sFn, or in front of the cause "recv error 2",
// "to proto error" (ErrNotSendable), "send error" or, when the client is gone, "context error". If
// closing the stream fails too, that is added. A panic of the source is a *PanicError.
//
// The error has a gRPC status, which tells clients the jettison codes in its chain; see WrapStreamPB. Its code is
// Unavailable for ErrStopped, OutOfRange for ErrHeadReached, Canceled or DeadlineExceeded for the errors of contexts,
// that of the source if it came over gRPC itself, and Unknown for others.
//
// The headers are sent as soon as the stream is open, so that clients can wait for it. An event whose type is
// nil is sent with type 0.
//
// A client that doesn't receive holds the stream up when gRPC's buffers are full, of 64 KB and more. What is in them
// is lost with the connection; the client's cursor knows nothing of it, so nothing is skipped.
//
// Stream returns when the client is gone or the server stopped, though a source or gRPC may not have noticed yet. They
// are left in a goroutine, which ends with its context, and which Stop waits for.
func (s *Server) Stream(sFn StreamFunc, req *reflexpb.StreamRequest, sspb streamServerPB) error {
	if !s.begin() {
		return withStatus(ErrStopped)
	}
	ctx, cancel := context.WithCancel(sspb.Context())
	defer cancel()

	done := make(chan error, 1)
	go func() {
		defer s.end()
		done <- serve(ctx, sFn, req, sspb)
	}()

	select {
	case err := <-done:
		return withStatus(err)
	case <-s.stop:
		return withStatus(ErrStopped)
	case <-ctx.Done():
		return withStatus(errors.Wrap(ctx.Err(), "context error"))
	}
}

// serve sends the events of a stream until the first error.
func serve(ctx context.Context, sFn StreamFunc, req *reflexpb.StreamRequest, sspb streamServerPB) (err error) {
	defer recoverTo(&err, "stream")
	client, err := sFn(ctx, req.GetAfter(), optsFromProto(req.GetOptions())...)
	if err != nil {
		return err
	}
	defer func() {
		if closer, ok := client.(io.Closer); ok {
			err = joinCleanup(err, closer.Close(), nil)
		}
	}()

	if s, ok := sspb.(interface{ SendHeader(metadata.MD) error }); ok {
		// If it fails, they were sent already, or Send fails too.
		_ = s.SendHeader(nil)
	}
	for {
		if err := ctx.Err(); err != nil {
			return errors.Wrap(err, "context error")
		}
		e, err := client.Recv()
		if err == nil && e == nil {
			err = ErrNoEvent
		}
		if err != nil {
			return errors.Wrap(err, "recv error 2")
		}
		pb, err := eventToProto(e)
		if err != nil {
			return errors.Wrap(err, "to proto error")
		}
		if err := sspb.Send(pb); err != nil {
			return errors.Wrap(err, "send error")
		}
	}
}
