package reflextest

// What cases may need.
const (
	needLive             capability = "the source cannot append to an open stream (Live)"
	needFromHead         capability = "the source cannot start from head (FromHead)"
	needToHead           capability = "the source cannot end at head (ToHead)"
	needLag              capability = "the source cannot hold events back (Lag)"
	needCancel           capability = "the stream does not obey its context (Cancel)"
	needCloser           capability = "the stream cannot be closed (Closer)"
	needIntegerIDs       capability = "the IDs are not integers (IntegerIDs)"
	needBadCursors       capability = "any text is a cursor of the source (BadCursors)"
	needTimestamps       capability = "the source sets timestamps itself (TimestampPrecision)"
	needBinaryForeignIDs capability = "foreign IDs are text only (BinaryForeignIDs)"
	needEmptyMetaData    capability = "the source cannot tell empty metadata from none (EmptyMetaData)"
	needTrace            capability = "the source keeps no traces (Trace)"
	needTransactions     capability = "the source has no transactions (Source.BeginTx)"
	needTruncation       capability = "the source cannot be truncated (Source.Truncate)"
)

var _ environment = (*streamEnv)(nil)

func (e *streamEnv) can(c capability) bool {
	switch c {
	case needLive:
		return e.h.Live
	case needFromHead:
		return e.h.FromHead
	case needToHead:
		return e.h.ToHead
	case needLag:
		return e.h.Lag
	case needCancel:
		return e.h.Cancel
	case needCloser:
		return e.h.Closer
	case needIntegerIDs:
		return e.h.IntegerIDs
	case needBadCursors:
		return len(e.h.BadCursors) > 0
	case needTimestamps:
		return e.h.TimestampPrecision > 0
	case needBinaryForeignIDs:
		return e.h.BinaryForeignIDs
	case needEmptyMetaData:
		return e.h.EmptyMetaData
	case needTrace:
		return e.h.Trace
	case needTransactions:
		return e.src.BeginTx != nil
	case needTruncation:
		return e.src.Truncate != nil
	default:
		return false
	}
}
