// Command kreflex-mysql moves what luno/reflex has in MySQL to Kafka: an events table of rsql into a topic, and the
// cursors of a cursors table to a topic of cursors.
//
//	kreflex-mysql events --dsn 'app:secret@tcp(db:3306)/orders' --brokers kafka:9092 --topic orders
//	kreflex-mysql events ... --apply --follow
//	kreflex-mysql cursors --dsn ... --brokers ... --topic orders --cursors cursors billing
//	kreflex-mysql cursors ... billing --apply
//
// Without --apply each says what it would do and changes nothing.
//
// A consumer is moved while the copy follows: stop it, so that it flushes its cursor; move that; start the consumer
// on Kafka. It goes on with the event after its cursor. See package migrate.
//
// # Exit codes
//
//	0  done, or what was asked for could be done
//	1  something failed, or not all consumers could be moved
//	2  the command line is wrong
package main
