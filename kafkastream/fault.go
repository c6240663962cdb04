package kafkastream

import (
	"fmt"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// fromFault makes the error of the user's language of a fault, and leaves other
// errors alone.
func fromFault(err error) error {
	var fault *partition.Fault
	if !errors.As(err, &fault) {
		return err
	}
	e := &Error{
		Topic: fault.Topic, Partition: fault.Partition,
		Offset: fault.Position, Start: unknown, End: unknown, Cause: kafka.Cause(fault.Cause),
	}
	if e.Offset >= 0 {
		e.Asked = fmt.Sprintf("the events from offset %d on", e.Offset)
	}
	switch fault.Kind {
	case partition.UnknownTopic:
		e.Kind = ErrUnknownTopic
		e.Asked = fmt.Sprintf("topic %q", fault.Topic)
		e.Found = "no topic of that name"
		e.Do = "create the topic, or correct its name"
	case partition.UnknownPartition:
		e.Kind = ErrUnknownPartition
		e.Asked = fmt.Sprintf("partition %d", fault.Partition)
		e.Found = fmt.Sprintf("%d partitions", fault.Partitions)
		e.Do = "ask for one from 0 on, or add partitions to the topic"
	case partition.Expired:
		e.Kind = ErrExpired
		e.describeRange(fault)
		e.Do = fmt.Sprintf("the events in between are gone: set the cursor to %s to go on without them, and raise the topic's retention",
			cursorBefore(fault.Start))
	case partition.BeyondEnd:
		e.Kind = ErrBeyondEnd
		e.describeRange(fault)
		e.Do = "find out whether the cursor is of another topic or cluster, or the log lost its end, then set the cursor"
	case partition.Truncated:
		e.Kind = ErrTruncated
		e.describeRange(fault)
		if fault.End >= 0 {
			e.Found = fmt.Sprintf("that what was consumed ends at offset %d now", fault.End)
			e.Do = fmt.Sprintf("other events are or will be from there on: set the cursor to %s to consume them", cursorBefore(fault.End))
		} else {
			e.Found = "that the log knows nothing of what was consumed"
			e.Do = "find out what became of the log, then set the cursor"
		}
	case partition.Recreated:
		e.Kind = ErrTopicRecreated
		e.Asked = fmt.Sprintf("the topic with ID %s", partition.FormatID(fault.WasID))
		e.Found = fmt.Sprintf("one of the same name with ID %s", partition.FormatID(fault.IsID))
		e.Do = `it has other events at the same offsets: set the cursor to "" to consume them from the start`
	case partition.Unauthorised:
		e.Kind = ErrNotAuthorised
		if e.Asked == "" {
			e.Asked = "the partition's leader and offsets"
		}
		e.Do = "check the credentials and certificates, and that READ and DESCRIBE of the topic are allowed"
	case partition.TooLarge:
		e.Kind = ErrBatchTooLarge
		e.Do = "raise kgo.MaxDecompressBatchBytes or kgo.BrokerMaxReadBytes"
	case partition.Corrupt:
		e.Kind = ErrCorrupt
		e.Do = "restore the batch from another replica, or set the cursor behind it"
	case partition.Closed:
		e.Kind = ErrClosed
	default:
		e.Kind = ErrRefused
		e.Do = "check the version of the brokers"
	}
	return e
}

func (e *Error) describeRange(fault *partition.Fault) {
	e.Start, e.End = fault.Start, fault.End
	e.Found = fmt.Sprintf("a log that starts at offset %d and ends before %d", fault.Start, fault.End)
}

// cursorBefore returns the cursor in quotes that has the event at an offset next.
func cursorBefore(offset int64) string {
	if offset <= 0 {
		return `""`
	}
	return fmt.Sprintf("%q", Cursor{Offset: offset - 1, LeaderEpoch: unknownEpoch}.String())
}

func badCursor(text, found string) error {
	const enough = 64
	return &Error{
		Kind: ErrBadCursor, Asked: fmt.Sprintf("the events after cursor %q", text[:min(len(text), enough)]), Found: found,
		Do: "set the cursor to the offset of the last event consumed, in decimal", Offset: unknown, Start: unknown, End: unknown,
	}
}
