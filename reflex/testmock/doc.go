// Package testmock has what tests of consumers need: a stream of events in memory, a mock of the cursor
// store, and a way to wait for a consumer.
//
// It is for tests only: it imports testing and testify's mock.
package testmock
