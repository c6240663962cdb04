package sqlcursor

// Log is where a consumer's events come from. *kafkastream.Partition is one.
//
// It is a name of an interface and no type of its own, so that a package which gives out stores per log can ask for
// "something with For" without importing this one.
type Log = interface {
	// Topic returns the name of the topic that the events are in.
	Topic() string
	// Partition returns the number of their partition.
	Partition() int32
	// Stamp returns the function that turns the ID of an event just consumed into a
	// cursor with the identity of the log it was read from, such as
	// "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4" of "7". What is before the @ must be the ID.
	Stamp() func(id string) string
}
