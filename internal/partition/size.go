package partition

// sizing chooses how many bytes to ask for, so that what one answer becomes in
// memory stays near a target. Kafka counts compressed bytes: a megabyte of them may
// be a hundred in memory.
type sizing struct {
	limit  int32 // of bytes asked for
	target int   // of bytes in memory, 0 for no matter
	ask    int32
	known  bool // something of what the records become in memory
}

const (
	// firstAsk is asked for before anything is known of the records. It doubles with
	// each answer where nothing speaks against it, so a small one costs
	// little, and a large one could be gigabytes in memory.
	firstAsk = 64 << 10
	// minAsk is no more than a batch that is compressed a thousandfold. Kafka sends at
	// least one batch, however little is asked for.
	minAsk = 1 << 10
	// recordCost is what a record takes in memory beside its bytes.
	recordCost = 128
)

func newSizing(limit int32, target int) sizing {
	s := sizing{limit: limit, target: target, ask: limit}
	if target > 0 {
		s.ask = min(firstAsk, limit)
	}
	return s
}

// observe learns from an answer of so many compressed bytes, that became so many
// bytes and records.
func (s *sizing) observe(compressed, bytes, records int) {
	if s.target == 0 || compressed == 0 {
		return
	}
	s.known = true
	cost := max(int64(bytes)+int64(records)*recordCost, 1)
	fits := int64(s.target) * int64(compressed) / cost
	// Down at once, as memory is at stake; up by doubling, as a small answer at the
	// end of the log says little about the next large one.
	grown := max(int64(s.ask)*2, minAsk)
	s.ask = int32(max(min(fits, grown, int64(s.limit)), min(minAsk, int64(s.limit))))
}
