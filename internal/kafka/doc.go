// Package kafka is what both Kafka rooms share below their own work: clients
// that close at once, requests that obey their context, and what an error asks
// of us.
//
// # Guarantees
//
// Close returns promptly whatever the brokers do, also while a handshake or
// a request hangs, and no request outlives it.
//
// Do returns promptly when its context is done, although kgo itself may hold on
// to a request for 10 to 20 s: a connection that is being opened is bounded by
// kgo's timeouts and not by the context of the request that waits for it.
//
// # Non-guarantees
//
// A Dialer of the user's that ignores its context delays Close. A hook of the
// user's that blocks does too.
//
// # Errors
//
// NewClient returns an *OptionError, which is ErrOption, for options that would
// make the client do what it isn't for. Classify says what any other error asks of
// the caller. ErrClosed is what Do returns after Close.
//
// # Concurrency
//
// A Client is safe for concurrent use.
package kafka
