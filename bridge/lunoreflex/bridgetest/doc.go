// Package bridgetest runs consumers that were written for luno/reflex on any source of events and any store of
// cursors: the bridge to Kafka, or what luno/reflex itself has.
//
// The consumers are in files that import nothing of kreflex, as those of a service would be: it is
// what they are run on that differs, see Backend.
package bridgetest
