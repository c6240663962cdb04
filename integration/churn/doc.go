// Package churn proves that a consumer over a whole topic keeps its promises while the processes that share its partitions
// join, leave, are killed, and are frozen beyond their session.
//
// A worker is a process that runs a kafkarun.Runner, and writes to a journal what its logic did. In the end a pure
// function, Check, judges the journals of all workers and all records of the topic of cursors.
package churn
