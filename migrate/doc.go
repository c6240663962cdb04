// Package migrate moves streams and the cursors of their consumers to Kafka.
package migrate
