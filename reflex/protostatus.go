package reflex

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	jettisongrpc "github.com/luno/jettison/grpc"
	"github.com/luno/jettison/j"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	// errorDomain marks the details of a status that hold a jettison code of an error.
	errorDomain = "reflex"

	// A status travels in headers, which proxies limit to some kilobytes. An error that
	// says more than this is one that joins others.
	maxErrorCodes   = 16
	maxErrorCodeLen = 64
	maxErrorTexts   = 256
)

// grpcStatus is what gRPC asks of an error that knows its status.
type grpcStatus interface{ GRPCStatus() *status.Status }

// statusError is an error with the status that gRPC sends of it.
type statusError struct {
	err    error
	status *status.Status
}

func (e *statusError) Error() string              { return e.err.Error() }
func (e *statusError) GRPCStatus() *status.Status { return e.status }

// Unwrap returns a list, as jettison's interceptor would send the text of an error that unwraps to one error twice.
func (e *statusError) Unwrap() []error { return []error{e.err} }

// withStatus returns err with a status that tells the jettison codes of its chain, so that a client knows
// ErrStopped, ErrHeadReached and the errors of the source without jettison's interceptors on either
// side. With them, they send the whole error beside it.
//
// The codes are told and not the whole error: stacks and the like are for the service to give away, as it does with
// the interceptor.
func withStatus(err error) error {
	// If a part of err came over gRPC, its code and details are passed on.
	s, ok := status.FromError(err)
	if !ok || s.Code() == codes.OK {
		s = status.New(statusCode(err), err.Error())
	}
	pb := s.Proto()
	// gRPC drops all the details of a status that is not UTF-8. A foreign ID in the text may be anything.
	pb.Message = strings.ToValidUTF8(pb.GetMessage(), "\uFFFD")
	known := sentCodes(s)
	for _, code := range errorCodes(err) {
		if slices.Contains(known, code) {
			continue
		}
		detail, err := anypb.New(&errdetails.ErrorInfo{Reason: code, Domain: errorDomain})
		if err != nil {
			continue // a code that is not UTF-8: without it the error has its text all the same
		}
		pb.Details = append(pb.Details, detail)
	}
	return &statusError{err: err, status: status.FromProto(pb)}
}

// statusCode is what dashboards and retry policies go by.
func statusCode(err error) codes.Code {
	switch {
	case IsStoppedErr(err):
		return codes.Unavailable // this server, for now: connect again
	case IsHeadReachedErr(err):
		return codes.OutOfRange // the end of what there is
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	default:
		return codes.Unknown
	}
}

// errorCodes returns the jettison codes of the chain: those that end streams, then the others from the outermost on.
func errorCodes(err error) []string {
	var found, texts []string
	for _, end := range []error{ErrStopped, ErrHeadReached} {
		if errors.Is(err, end) {
			texts = append(texts, errors.GetCodes(end)...)
		}
	}
	texts = append(texts, errors.GetCodes(err)...)
	// Each is looked for in the whole chain, which may have come from the other end.
	for _, text := range texts[:min(len(texts), maxErrorTexts)] {
		if len(found) == maxErrorCodes {
			break
		}
		// GetCodes has the text of errors without a code too.
		if len(text) <= maxErrorCodeLen && !slices.Contains(found, text) && errors.Is(err, errors.New("", j.C(text))) {
			found = append(found, text)
		}
	}
	return found
}

// sentCodes returns the codes that withStatus told the other end.
func sentCodes(s *status.Status) []string {
	var found []string
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == errorDomain && info.GetReason() != "" {
			found = append(found, info.GetReason())
		}
	}
	return found
}

// remoteError is an error of the other end of a stream. It is the status that came, and also
// the errors which that tells of.
type remoteError struct {
	err    error
	causes []error
}

func (e *remoteError) Error() string   { return e.err.Error() }
func (e *remoteError) Unwrap() []error { return append([]error{e.err}, e.causes...) }

// GRPCStatus is that of err, and not one with the text of another wrapping.
func (e *remoteError) GRPCStatus() *status.Status { return status.Convert(e.err) }

// fromStatus returns the error of a call so that errors.Is finds what its status tells of: errors with a
// jettison code, and the end of a context. It is err itself if there is nothing to add.
func fromStatus(ctx context.Context, err error) error {
	var causes []error
	add := func(cause error) {
		if cause != nil && !errors.Is(err, cause) && !errors.Is(errors.Join(causes...), cause) {
			causes = append(causes, cause)
		}
	}
	var with grpcStatus
	if errors.As(err, &with) {
		s := with.GRPCStatus()
		add(contextCause(s))
		for _, cause := range toldCauses(s) {
			add(cause)
		}
	}
	// When both the context and the connection end, gRPC's error may be of the latter.
	add(ctx.Err())
	// The other end has the deadline too. It may end the stream before the timer here has fired.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		add(context.DeadlineExceeded)
	}
	if len(causes) == 0 {
		return err
	}
	return &remoteError{err: err, causes: causes}
}

// toldCauses returns the errors that the details of a status tell of. They have their codes, and
// no text to be shown beside that of the status.
func toldCauses(s *status.Status) []error {
	var causes []error
	for _, code := range sentCodes(s) {
		causes = append(causes, errors.New("", j.C(code)))
	}
	for _, code := range jettisonCodes(s) {
		causes = append(causes, errors.New("", j.C(code)))
	}
	return causes
}

// jettisonCodes returns the codes in what jettison's interceptor of a server adds to a status. A client
// that has the interceptor of clients needs it not.
func jettisonCodes(s *status.Status) []string {
	told := func(detail *anypb.Any) bool { return detail.MessageName() == "jettisonpb.WrappedError" }
	if !slices.ContainsFunc(s.Proto().GetDetails(), told) {
		return nil
	}
	return errorCodes(errors.Unwrap(jettisongrpc.FromError(s.Err())))
}

// contextCause returns the context's error that a status says the other end, or gRPC itself, ended with, or nil.
func contextCause(s *status.Status) error {
	switch {
	case s.Code() == codes.Canceled && saysItself(s, context.Canceled):
		return context.Canceled
	case s.Code() == codes.DeadlineExceeded && saysItself(s, context.DeadlineExceeded):
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// saysItself reports whether the text is that of the context's error, maybe wrapped. The same code with
// another text is somebody's own verdict, and not the end of a context.
func saysItself(s *status.Status, cause error) bool {
	text, found := strings.CutSuffix(s.Message(), cause.Error())
	return found && (text == "" || strings.HasSuffix(text, ": "))
}

// statusTells reports whether a gRPC status in the chain tells of the error.
func statusTells(err, target error) bool {
	told := false
	errors.Walk(err, func(e error) bool {
		if with, ok := e.(grpcStatus); ok {
			told = slices.ContainsFunc(toldCauses(with.GRPCStatus()), func(cause error) bool { return errors.Is(cause, target) })
		}
		return !told
	})
	return told
}
