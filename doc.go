// Package kreflex is the root of a module that gives the reflex API on Kafka:
// a partition is a StreamFunc with offsets as cursors, and a compacted topic
// stores the cursors of consumers.
//
// There is nothing to import here. Start with these:
//
//   - [github.com/kreflex/kreflex/reflex]: the API. Consumer, StreamFunc,
//     CursorStore, Spec and Run, with the names of luno/reflex.
//   - [github.com/kreflex/kreflex/kafkastream]: a topic's partition as
//     StreamFunc, and the publisher.
//   - [github.com/kreflex/kreflex/kafkacursor]: a compacted topic as CursorStore.
//   - [github.com/kreflex/kreflex/kafkatest]: an embedded broker for tests.
//   - [github.com/kreflex/kreflex/reflex/reflextest]: the contract as test
//     suites for a StreamFunc or CursorStore of your own.
package kreflex
