// Package grpctest serves a stream over gRPC on the loopback interface and consumes it, for tests of what happens in
// between. Both sides have jettison's interceptors, as services usually do.
//
// It is for tests only: it imports testing.
package grpctest
