// Package kafkatest starts an embedded Kafka broker in one call, for tests,
// examples and demos that need no Docker and no network beyond loopback:
//
//	broker := kafkatest.Start(t, kafkatest.WithTopic("orders", 1))
//	client, err := kgo.NewClient(broker.Opts()...)
//
// It is a thin shell around kfake, the fake cluster of franz-go, with defaults
// that make mistakes show: one broker, a free port on loopback, nothing on
// disk, and no topic that was not asked for. A misspelled topic is an error
// and not a new empty topic.
//
// # Guarantees
//
// Starting takes about a millisecond, and a broker returned is ready to serve.
// Brokers share nothing, so tests can each have their own and run in parallel.
// What was acknowledged is served until the broker is closed, and after that
// only to a broker that opens the same WithDataDir.
//
// # Non-guarantees
//
// The broker speaks the protocol well: idempotence, transactions with their
// markers and fencing, read_committed, groups, leader moves, errors by
// request. Trust it for the logic of clients, and for faults that can't be
// ordered from a real cluster, see Broker.Cluster. It is not evidence for
//
//   - durability and replication: acks=all is acks=1, there are no replicas,
//     no in-sync set, no unclean elections and no truncated logs;
//   - compaction and retention: they run when told to rather than by time,
//     min.compaction.lag.ms and segment.* are ignored, compaction moves the
//     log start offset, which Kafka's never does, and it forgets that a
//     transaction may be open: don't run Cluster().Compact while one is;
//   - visibility after a commit: here the markers of a transaction are written
//     before the commit is answered, while Kafka writes them some milliseconds
//     later, so a test that passes only because of that fails on Kafka;
//   - refusals: it takes some requests that Kafka refuses, such as a nil key on
//     a compacted topic or a stale epoch in InitProducerID;
//   - speed: neither latency nor throughput says anything about Kafka's.
//
// What is claimed of Kafka has to be shown on Apache Kafka.
//
// # Errors
//
// New returns ErrInvalidOption for options that make no sense, all of them at
// once, and the error of the listener or the data directory otherwise. Start
// fails the test with it. ErrClosed is what a closed broker answers.
//
// # Concurrency
//
// A Broker is safe for concurrent use. A function given to Cluster().Control
// runs on the one goroutine of the cluster: while it blocks, everything
// does, CreateTopic and Close included.
package kafkatest
