// Package filters makes event filters, for reflex.WithEventFilter and for shards, of smaller ones and of functions
// on decoded metadata.
//
// The filters it returns are safe for concurrent use if their parts are.
package filters
