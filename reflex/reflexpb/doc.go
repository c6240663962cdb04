// Package reflexpb is how events go over gRPC: the messages, and the service that streams them.
//
// The Go names are those of luno/reflex's package, and so are the bytes on the wire and the name of the
// method, /reflexpb.Reflex/Stream: clients and servers of the two libraries talk to each other. What is registered with
// protobuf has names of its own (kreflex/reflexpb/reflex.proto, kreflex.reflexpb.Event and so on), so that both
// packages fit in one binary. For the same reason the service has no descriptor: gRPC's server
// reflection lists it, but can't describe it.
//
// Use reflex.Server and reflex.WrapStreamPB to serve and to consume.
package reflexpb

//go:generate make -C ../.. generate
