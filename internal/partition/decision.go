package partition

import (
	"time"

	"github.com/luno/jettison/errors"
	"github.com/luno/jettison/j"

	"github.com/kreflex/kreflex/internal/kafka"
)

// action is what to do next.
type action int

const (
	// proceed uses the answer: it is delivered, or the leader is asked.
	proceed action = iota
	// again asks the same once more after a pause.
	again
	// refresh looks at fresh metadata and, should the leader have changed, at
	// whether it has the same log, and then asks once more.
	refresh
	// measure asks for the range of the log, as the position seems not to be in it.
	measure
	// suspect is fail unless it was the first time: see convinced.
	suspect
	// fail gives up for good.
	fail
)

// verdict is what an answer means.
type verdict struct {
	do    action
	kind  Kind // of fail and suspect
	cause error
}

// fetched is a fetch response without its records.
type fetched struct {
	err     error // of the request, response or partition
	decode  error // of the records behind those returned
	records int
	first   int64 // offset of the first record, if there are any
	next    int64 // position behind the records and all that needs no delivery
	bytes   int   // of batches in the response
	start   int64 // log start offset, -1 if the response has none
}

// sameAnswers is how often an answer that can't be used is asked for again before
// it counts as permanent: bytes may have been damaged on the way, or a broker
// in trouble may have sent too few.
const sameAnswers = 3

var (
	errNoProgress = errors.New("response holds batches, but none at the position", j.C("ERR_c20f7a8b65d3e914"))
	errBackwards  = errors.New("response would move the position backwards", j.C("ERR_3ab96ef1d0574c82"))
	errMovedStart = errors.New("log starts behind the position", j.C("ERR_91d5c3e8f7b206a4"))
)

// decideFetch says what the answer to a fetch at a position means, when unusable
// answers before it in a row were of no use.
func decideFetch(position int64, f fetched, unusable int) verdict {
	if f.err != nil {
		return decideError(f.err, unusable)
	}
	switch {
	case f.next < position || (f.records > 0 && f.first < position):
		return verdict{do: fail, kind: Corrupt, cause: errBackwards}

	case f.start > position && (f.records == 0 || f.first > position):
		// Records between the position and the log start may have gone unread. The
		// broker should have said OFFSET_OUT_OF_RANGE, so this is a race.
		return verdict{do: fail, kind: Expired, cause: errMovedStart}

	case f.decode != nil && f.records == 0:
		if kafka.Classify(f.decode) == kafka.TooLarge {
			return verdict{do: fail, kind: TooLarge, cause: f.decode}
		}
		return unusableAnswer(f.decode, unusable)

	case f.bytes > 0 && f.records == 0 && f.next == position:
		return unusableAnswer(errNoProgress, unusable)
	}
	return verdict{do: proceed}
}

// decideError says what an error instead of an answer means.
func decideError(err error, unusable int) verdict {
	switch class := kafka.Classify(err); class {
	case kafka.OutOfRange:
		return verdict{do: measure, cause: err}
	case kafka.Corrupt:
		return unusableAnswer(err, unusable)
	default:
		if kind := permanentKind(class); kind != 0 {
			return verdict{do: fail, kind: kind, cause: err}
		}
		return verdict{do: refresh, cause: err}
	}
}

func unusableAnswer(cause error, unusable int) verdict {
	if unusable+1 >= sameAnswers {
		return verdict{do: fail, kind: Corrupt, cause: cause}
	}
	return verdict{do: again, cause: cause}
}

// permanentKind returns the kind of fault that errors of the class are without a
// further look, or 0.
func permanentKind(class kafka.Class) Kind {
	switch class {
	case kafka.InvalidTopic:
		return UnknownTopic
	case kafka.Unauthorised:
		return Unauthorised
	case kafka.TooLarge:
		return TooLarge
	case kafka.Refused:
		return Refused
	case kafka.Closed:
		return Closed
	default:
		return 0
	}
}

// judgeSighting says what metadata means for what is known of the log, which may be
// nothing but its name.
func judgeSighting(known Log, seen sighting) verdict {
	var none [16]byte
	knownID := known.TopicID != none
	switch {
	case knownID && seen.topicID != none && seen.topicID != known.TopicID:
		return verdict{do: suspect, kind: Recreated, cause: seen.err}
	case kafka.Classify(seen.err) == kafka.Unknown && seen.partitions > 0:
		return verdict{do: suspect, kind: UnknownPartition, cause: seen.err}
	case kafka.Classify(seen.err) == kafka.Unknown:
		return verdict{do: suspect, kind: UnknownTopic, cause: seen.err}
	case seen.err != nil:
		if kind := permanentKind(kafka.Classify(seen.err)); kind != 0 {
			return verdict{do: fail, kind: kind, cause: seen.err}
		}
		return verdict{do: again, cause: seen.err}
	case seen.leaderEpoch >= 0 && seen.leaderEpoch < known.LeaderEpoch:
		// From a broker that is behind, unless it stays so: then it is another
		// topic, and there was no ID to tell.
		if knownID {
			return verdict{do: again, cause: errStaleEpoch}
		}
		return verdict{do: suspect, kind: Recreated, cause: errStaleEpoch}
	}
	return verdict{do: proceed}
}

var errStaleEpoch = errors.New("metadata names an older leader epoch than is known", j.C("ERR_5ce8170b9fa4d263"))

// convinced reports whether a doubt has lasted. Another topic ID only has to be
// seen twice, as no broker goes back to it once all have seen the new one; what
// is missing may be new, or a broker may be just starting.
func convinced(d doubt, now time.Time, patience time.Duration) bool {
	if d.kind == Recreated {
		return d.count >= 2 && now.Sub(d.since) >= recreatedPatience
	}
	return d.count >= 2 && now.Sub(d.since) >= patience
}

// recreatedPatience is longer than metadata takes to reach all brokers of a
// cluster in good health.
const recreatedPatience = 100 * time.Millisecond

// judgeRange says what is wrong with a position that a broker called out of
// range, or that a stream is to start from, by the range of the log.
func judgeRange(position int64, log Log) verdict {
	switch {
	case position < log.Start:
		return verdict{do: fail, kind: Expired}
	case position > log.HighWatermark:
		return verdict{do: fail, kind: BeyondEnd}
	}
	return verdict{do: again}
}

// truncated reports whether the log was cut before the position, which was
// reached under a leader epoch, by where the current leader has that epoch end.
//
// A leader that knows only older epochs than the one asked for has lost that
// epoch's records. A leader that can't tell at all (records in a format
// before Kafka 0.11) proves nothing.
func truncated(current, asked int32, end epochEnd, position int64) bool {
	if end.end < 0 {
		return current >= 0 && asked > current
	}
	return end.end < position
}
