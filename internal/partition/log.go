package partition

// Log is a partition as its leader described it.
type Log struct {
	Topic         string
	Partition     int32
	TopicID       [16]byte // zero where the cluster has no topic IDs
	Leader        int32
	LeaderEpoch   int32 // -1 where the cluster has none
	Start         int64 // log start offset
	LastStable    int64 // last stable offset
	HighWatermark int64
}

// fault makes a fault of this log.
func (l Log) fault(kind Kind, position int64, cause error) *Fault {
	return &Fault{
		Kind: kind, Topic: l.Topic, Partition: l.Partition,
		Position: position, Start: l.Start, End: l.HighWatermark, Cause: cause,
	}
}
