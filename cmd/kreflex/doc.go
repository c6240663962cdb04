// Command kreflex consumes Kafka with durable cursors from the command line,
// and demonstrates what that survives.
//
//	kreflex demo                      publish, consume, crash, resume and count
//	kreflex demo --kill --kills 100   the same with a process that is killed
//	kreflex migrate --help            copy a stream to Kafka and move its consumers
//	kreflex consume --topic orders --consumer billing --exec ./bill.sh
//	kreflex cursors list              where consumers are, and cursors reset, copy and delete
//	kreflex lag billing orders        how far a consumer is behind, in each partition
//	kreflex status URL                how the partitions of a running service are
//	kreflex tail orders --from 10m    print events without any cursor
//	kreflex completion bash           complete all that in a shell
//
// # Guarantees
//
// The cursor of consume is stored after the command succeeded, or the event was
// written to standard output, never before. At SIGINT and SIGTERM no further
// event is taken, the one in hand is finished within the time of --grace, and the
// cursor is stored.
//
// # Non-guarantees
//
// After a crash of consume the events since the last write of the cursor come again.
//
// # Exit codes
//
//	0  done: the head was reached, it was interrupted, or the demo kept its promises
//	1  the demo broke a promise, or something unforeseen
//	2  the command line, or the input, is wrong
//	3  the stream or the cursor can't go on until somebody decides
//	4  the command failed, or standard output did; the cursor is before the event
//	5  the brokers can't be reached or don't answer: try again
//	6  another instance has taken the consumer over
package main
