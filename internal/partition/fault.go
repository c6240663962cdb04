package partition

import (
	"encoding/base64"
	"fmt"
)

// Kind says what a Fault is about. All kinds are permanent: the same request
// will not succeed until somebody has done something.
type Kind int

const (
	// UnknownTopic means that there is no such topic.
	UnknownTopic Kind = iota + 1
	// UnknownPartition means that the topic has fewer partitions.
	UnknownPartition
	// Expired means that the position is before the start of the log.
	Expired
	// BeyondEnd means that the position is after the end of the log.
	BeyondEnd
	// Truncated means that the log lost what was before the position, and has or
	// will have other records there.
	Truncated
	// Recreated means that the topic of that name is not the one it was.
	Recreated
	// Unauthorised means that an ACL, the credentials or a certificate are in the
	// way.
	Unauthorised
	// TooLarge means that a batch is larger than the client may read.
	TooLarge
	// Corrupt means that a batch is not what was written, as several attempts
	// agree.
	Corrupt
	// Refused means that the broker will never do what was asked.
	Refused
	// Closed means that the client was closed.
	Closed
)

// String returns a short name.
func (k Kind) String() string {
	names := [...]string{
		"none", "unknown topic", "unknown partition", "position expired", "position beyond the end",
		"log truncated", "topic recreated", "not authorised", "batch too large", "corrupt batch", "request refused",
		"client closed",
	}
	if k < 0 || int(k) >= len(names) {
		return "invalid"
	}
	return names[k]
}

// Fault is what is permanently wrong with a partition, or with a position in it.
type Fault struct {
	Kind      Kind
	Topic     string
	Partition int32
	// Position is the offset that was to be read, or -1.
	Position int64
	// Start and End are the range of the log where it is known, otherwise -1. For
	// Truncated, End is where the log that was read ends now.
	Start, End int64
	// Partitions is how many the topic has, for UnknownPartition.
	Partitions int
	// WasID and IsID are the IDs of the topic, for Recreated.
	WasID, IsID [16]byte
	// Cause is what Kafka or the client said, or nil.
	Cause error
}

// Error says what was asked and what is there.
func (f *Fault) Error() string {
	text := fmt.Sprintf("%s: %s/%d", f.Kind, f.Topic, f.Partition)
	if f.Position >= 0 {
		text += fmt.Sprintf(" at offset %d", f.Position)
	}
	switch f.Kind {
	case UnknownPartition:
		text += fmt.Sprintf(", the topic has %d partitions", f.Partitions)
	case Expired, BeyondEnd, Truncated:
		text += fmt.Sprintf(", the log is from %d to %d", f.Start, f.End)
	case Recreated:
		text += fmt.Sprintf(", its ID was %s and is %s", FormatID(f.WasID), FormatID(f.IsID))
	}
	if f.Cause != nil {
		text += ": " + f.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// FormatID returns a topic ID as Kafka's tools print it.
func FormatID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// GaveUp is what a call returns whose context was done while something was in
// the way. It is the error of the context for errors.Is.
type GaveUp struct {
	// Context is the error of the context.
	Context error
	// Last is what the last attempt met.
	Last error
}

// Error gives both.
func (e *GaveUp) Error() string { return fmt.Sprintf("%v, last: %v", e.Context, e.Last) }

// Unwrap returns both.
func (e *GaveUp) Unwrap() []error { return []error{e.Context, e.Last} }

// gaveUp joins the error of a context that is done with what was in the way.
func gaveUp(ctxErr, last error) error {
	if last == nil {
		return ctxErr
	}
	return &GaveUp{Context: ctxErr, Last: last}
}
