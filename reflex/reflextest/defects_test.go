package reflextest

// defect is one way to get the contract wrong.
type defect string

const (
	none defect = ""

	// Cursors and order.
	startsAfterFirst defect = "takes no cursor for the first event"
	inclusive        defect = "delivers the cursor's event again"
	skipsOne         defect = "skips the event after the cursor"
	zeroIsStart      defect = "takes 0 for no cursor"
	comparesText     defect = "compares IDs as text"
	equalIDs         defect = "gives all events one ID"
	skipsRarely      defect = "loses one event of many"
	badIsStart       defect = "takes a bad cursor for the start"
	sharesStream     defect = "hands out one stream to all"
	writesOptions    defect = "appends to the caller's options"
	reusesMemory     defect = "reuses the memory of events"

	// Fields.
	losesType       defect = "keeps a type in a byte"
	trimsForeignID  defect = "trims foreign IDs"
	cutsForeignID   defect = "ends a foreign ID at a zero byte"
	cutsMetaData    defect = "cuts metadata at 64 KiB"
	nilIsEmpty      defect = "makes nil metadata empty"
	emptyIsNil      defect = "makes empty metadata nil"
	roundsTimestamp defect = "keeps timestamps in seconds"
	losesTrace      defect = "drops traces"
	keepsNeighbour  defect = "leaves a field of the event before"

	// Waiting and head.
	returnsNothing      defect = "returns neither event nor error"
	skipsOnceWoken      defect = "loses the event that woke it"
	ignoresFromHead     defect = "ignores from head"
	lateHead            defect = "resolves head at the first Recv"
	cursorOverHead      defect = "prefers the cursor to from head"
	emptyHeadIsLost     defect = "takes the head of an empty log for one further"
	neverHead           defect = "never ends at head"
	emptyHasNoHead      defect = "finds no head without events"
	headNeedsEvent      defect = "finds head only after an event"
	earlyHead           defect = "ends before the last event"
	snapshotHead        defect = "remembers the head from its opening"
	headOnce            defect = "blocks after head"
	bothIsHead          defect = "drops to head beside from head"
	alwaysHead          defect = "ends at head unasked"
	headIsLastOffset    defect = "waits for the event at the last offset"
	headIsHighWatermark defect = "starts from the high watermark"

	// Lag.
	ignoresLag       defect = "ignores lag"
	lagDelaysAll     defect = "delays old events too"
	skipsYoung       defect = "leaves out what is too young"
	lagDelaysHead    defect = "waits for what is held back"
	lagIgnoresCancel defect = "ignores its context while it holds back"

	// The end.
	opensCancelled defect = "delivers with a cancelled context"
	ignoresCancel  defect = "ignores its context"
	anyCancelError defect = "hides the context's error"
	closesAll      defect = "closes all streams with one"
	ignoresClose   defect = "ignores Close"
	closeWaits     defect = "leaves Recv blocked after Close"
	closesOnce     defect = "panics on a second Close"
	failsClose     defect = "fails to close"
	deliversClosed defect = "delivers after Close"
	closeAwaits    defect = "waits in Close for its context"

	// Transactions and truncation.
	readsUncommitted defect = "delivers open transactions"
	overtakesOpen    defect = "leaves open transactions behind"
	deliversAborted  defect = "delivers aborted transactions"
	dropsCommitted   defect = "drops committed transactions"
	jumpsExpired     defect = "clamps a cursor to the first event left"
	refusesCut       defect = "refuses a cursor just before the first event left"
	startsAtZero     defect = "starts at an offset that is gone"
	jumpsOvertaken   defect = "jumps when it is overtaken"
)

// streamDefects are the cases that must tell each defect.
var streamDefects = map[defect][]string{
	startsAfterFirst: {"no cursor is the start", "many events in order"},
	inclusive:        {"after is exclusive", "resumes after every ID", "Run resumes after what was consumed"},
	skipsOne: {
		"after is exclusive", "resumes after every ID", "resumes at the end", "Run resumes after what was consumed",
	},
	zeroIsStart:   {"zero is a cursor"},
	comparesText:  {"resumes after every ID"},
	equalIDs:      {"IDs grow"},
	skipsRarely:   {"many events in order", "follows an appender"},
	badIsStart:    {"a bad cursor is an error"},
	sharesStream:  {"streams are independent", "streams interleave"},
	writesOptions: {"options are left alone"},
	reusesMemory:  {"events stay valid"},

	losesType:       {"keeps the type"},
	trimsForeignID:  {"keeps the foreign ID"},
	cutsForeignID:   {"keeps a binary foreign ID"},
	cutsMetaData:    {"keeps metadata"},
	nilIsEmpty:      {"keeps empty metadata"},
	emptyIsNil:      {"keeps empty metadata"},
	roundsTimestamp: {"keeps the timestamp"},
	losesTrace:      {"keeps the trace"},
	keepsNeighbour:  {"does not mix fields up"},

	returnsNothing:      {"waits at the end", "waits on a stream without events"},
	skipsOnceWoken:      {"waits at the end"},
	ignoresFromHead:     {"from head is resolved when opened", "from head overrides the cursor"},
	lateHead:            {"from head is resolved when opened", "from head of a stream without events"},
	cursorOverHead:      {"from head overrides the cursor"},
	emptyHeadIsLost:     {"from head of a stream without events"},
	neverHead:           {"to head of a stream without events", "to head after the last event", "Run ends at head"},
	emptyHasNoHead:      {"to head of a stream without events", "Close after the end"},
	headNeedsEvent:      {"to head after the last event"},
	earlyHead:           {"to head delivers all that was acknowledged"},
	snapshotHead:        {"head is where Recv finds it"},
	headOnce:            {"head reached is final"},
	bothIsHead:          {"from head to head"},
	alwaysHead:          {"waits at the end", "waits on a stream without events", "without to head there is no end"},
	headIsLastOffset:    {"an aborted transaction is never delivered"},
	headIsHighWatermark: {"from head includes what becomes visible"},

	ignoresLag:       {"lag holds events back", "to head with lag ends at what is held back"},
	lagDelaysAll:     {"lag does not hold back what is old"},
	skipsYoung:       {"lag keeps order"},
	lagDelaysHead:    {"to head with lag ends at what is held back"},
	lagIgnoresCancel: {"lag ends with its context"},

	opensCancelled: {"a cancelled context opens nothing"},
	ignoresCancel: {
		"a cancelled context opens nothing", "cancel ends a blocked Recv", "a deadline ends a blocked Recv",
		"cancel ends a stream with events left", "lag ends with its context", "Run ends when it is cancelled",
	},
	anyCancelError: {"cancel ends a blocked Recv"},
	closesAll:      {"one stream's end is not another's"},
	ignoresClose:   {"Close ends a blocked Recv", "Recv after Close is an error"},
	closeWaits:     {"Close ends a blocked Recv"},
	closesOnce:     {"Close twice is harmless"},
	failsClose:     {"Close after the end"},
	deliversClosed: {"Recv after Close is an error"},
	closeAwaits:    {"Close ends a blocked Recv", "Close twice is harmless"},

	readsUncommitted: {"an open transaction is invisible", "a commit delivers in order"},
	dropsCommitted:   {"an open transaction is invisible", "a commit delivers in order"},
	overtakesOpen:    {"nothing overtakes an open transaction"},
	deliversAborted: {
		"an aborted transaction is never delivered", "a live stream goes on past an aborted transaction",
	},
	jumpsExpired:   {"a cursor before the first event left is an error"},
	refusesCut:     {"a cursor at the cut is good"},
	startsAtZero:   {"no cursor is the first event left"},
	jumpsOvertaken: {"a stream that is overtaken has no holes", "a stream that is overtaken before it begins is an error"},
}
