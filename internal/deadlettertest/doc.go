// Package deadlettertest holds what is claimed of dead letters as tests, for any Kafka: the library's own tests run
// them on the embedded broker, and those of the module integration on Apache Kafka.
package deadlettertest
