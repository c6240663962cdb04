package partition

import (
	"testing"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/kreflex/kreflex/internal/kafka"
)

func TestWhatEveryErrorOfAFetchMeans(t *testing.T) {
	for code := int16(-1); code < 1000; code++ {
		err := kerr.TypedErrorForCode(code)
		if err == nil || err.Code != code {
			continue
		}
		v := decideFetch(5, fetched{err: err}, 0)
		switch class := kafka.Classify(err); class {
		case kafka.Transient, kafka.Leader, kafka.Unknown:
			require.Equal(t, verdict{do: refresh, cause: err}, v, err.Message)
		case kafka.OutOfRange:
			require.Equal(t, verdict{do: measure, cause: err}, v, err.Message)
		case kafka.Corrupt:
			require.Equal(t, verdict{do: again, cause: err}, v, err.Message)
			require.Equal(t, verdict{do: fail, kind: Corrupt, cause: err}, decideFetch(5, fetched{err: err}, sameAnswers-1))
		default:
			require.Equal(t, fail, v.do, err.Message)
			require.Equal(t, map[kafka.Class]Kind{
				kafka.InvalidTopic: UnknownTopic, kafka.Unauthorised: Unauthorised,
				kafka.TooLarge: TooLarge, kafka.Refused: Refused,
			}[class], v.kind, err.Message)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	const position = 5
	broken := errors.New("crc")
	for _, c := range []struct {
		name     string
		answer   fetched
		unusable int
		want     action
		kind     Kind
	}{
		{"records", fetched{records: 2, first: 5, next: 7, bytes: 100}, 0, proceed, 0},
		{"records behind a gap of compaction", fetched{records: 2, first: 8, next: 10, bytes: 100}, 0, proceed, 0},
		{"markers only", fetched{next: 6, bytes: 80}, 0, proceed, 0},
		{"nothing", fetched{next: 5}, 0, proceed, 0},
		{"nothing yet, log start at the position", fetched{next: 5, start: 5}, 0, proceed, 0},
		{"log start passed it, but not before it was read", fetched{records: 1, first: 5, next: 9, start: 8, bytes: 9}, 0, proceed, 0},
		{"log start passed it", fetched{records: 1, first: 8, next: 9, start: 8, bytes: 9}, 0, fail, Expired},
		{"log start passed it, nothing else", fetched{next: 5, start: 8}, 0, fail, Expired},
		{"older record", fetched{records: 1, first: 4, next: 6, bytes: 9}, 0, fail, Corrupt},
		{"older position", fetched{next: 4, bytes: 9}, 0, fail, Corrupt},
		{"good records before a bad batch", fetched{records: 1, first: 5, next: 6, bytes: 9, decode: broken}, 0, proceed, 0},
		{"bad batch", fetched{next: 5, bytes: 9, decode: broken}, 0, again, 0},
		{"bad batch once more", fetched{next: 5, bytes: 9, decode: broken}, 1, again, 0},
		{"bad batch for good", fetched{next: 5, bytes: 9, decode: broken}, 2, fail, Corrupt},
		{"batch too large", fetched{next: 5, bytes: 9, decode: &kgo.ErrDecompressTooLarge{}}, 0, fail, TooLarge},
		{"batches before the position only", fetched{next: 5, bytes: 9}, 0, again, 0},
		{"batches before the position for good", fetched{next: 5, bytes: 9}, 2, fail, Corrupt},
		{"nothing of the partition", fetched{err: errNoAnswer}, 0, refresh, 0},
		{"client closed", fetched{err: kgo.ErrClientClosed}, 0, fail, Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := decideFetch(position, c.answer, c.unusable)
			require.Equal(t, c.want, v.do)
			require.Equal(t, c.kind, v.kind)
		})
	}
}

// Whatever a broker answers, records that were at or after the position are never
// passed over, and the position never falls.
func TestAnswersThatAreUsedNeverSkip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		position := rapid.Int64Range(0, 20).Draw(t, "position")
		f := fetched{
			records: rapid.IntRange(0, 2).Draw(t, "records"),
			first:   rapid.Int64Range(0, 25).Draw(t, "first"),
			next:    rapid.Int64Range(0, 30).Draw(t, "next"),
			bytes:   rapid.IntRange(0, 1).Draw(t, "bytes"),
			start:   rapid.Int64Range(-1, 30).Draw(t, "start"),
		}
		if rapid.Bool().Draw(t, "broken") {
			f.decode = errNoProgress
		}
		v := decideFetch(position, f, rapid.IntRange(0, 5).Draw(t, "unusable"))
		if v.do != proceed {
			require.NotEqual(t, suspect, v.do)
			return
		}
		require.GreaterOrEqual(t, f.next, position)
		if f.records > 0 {
			require.GreaterOrEqual(t, f.first, position)
		}
		if f.start > position {
			require.Equal(t, position, f.first, "what was between the position and the log start is not known to be nothing")
		}
		if f.decode != nil {
			require.Positive(t, f.records, "a batch that can't be read is not passed in silence")
		}
	})
}

func TestWhatMetadataMeans(t *testing.T) {
	id, other := [16]byte{1}, [16]byte{2}
	known := Log{Topic: topic, TopicID: id, Leader: 1, LeaderEpoch: 3}
	nameless := Log{Topic: topic, Leader: 1, LeaderEpoch: 3} // a cluster without IDs
	fresh := Log{Topic: topic, Leader: -1, LeaderEpoch: -1}
	for _, c := range []struct {
		name  string
		known Log
		seen  sighting
		want  action
		kind  Kind
	}{
		{"first sight", fresh, sighting{topicID: id, partitions: 1, leader: 1, leaderEpoch: 0}, proceed, 0},
		{"no change", known, sighting{topicID: id, partitions: 1, leader: 1, leaderEpoch: 3}, proceed, 0},
		{"other leader", known, sighting{topicID: id, partitions: 1, leader: 2, leaderEpoch: 4}, proceed, 0},
		{"older epoch", known, sighting{topicID: id, partitions: 1, leader: 2, leaderEpoch: 2}, again, 0},
		{"older epoch without IDs", nameless, sighting{partitions: 1, leader: 2, leaderEpoch: 2}, suspect, Recreated},
		{"no epochs", nameless, sighting{partitions: 1, leader: 2, leaderEpoch: -1}, proceed, 0},
		{"other topic", known, sighting{topicID: other, partitions: 1, leader: 2, leaderEpoch: 9}, suspect, Recreated},
		{"other topic, still without a leader", known, sighting{topicID: other, partitions: 1, err: kerr.LeaderNotAvailable}, suspect, Recreated},
		{"no ID any more", known, sighting{partitions: 1, leader: 2, leaderEpoch: 4}, proceed, 0},
		{"no topic", known, sighting{err: kerr.UnknownTopicOrPartition}, suspect, UnknownTopic},
		{"no such ID", known, sighting{err: kerr.UnknownTopicID}, suspect, UnknownTopic},
		{"no partition", known, sighting{topicID: id, partitions: 2, err: kerr.UnknownTopicOrPartition}, suspect, UnknownPartition},
		{"impossible name", fresh, sighting{err: kerr.InvalidTopicException}, fail, UnknownTopic},
		{"no leader", known, sighting{topicID: id, partitions: 1, err: kerr.LeaderNotAvailable}, again, 0},
		{"not allowed", known, sighting{err: kerr.TopicAuthorizationFailed}, fail, Unauthorised},
		{"wrong password", fresh, sighting{err: kerr.SaslAuthenticationFailed}, fail, Unauthorised},
		{"no broker", known, sighting{err: errSilent}, again, 0},
		{"client closed", known, sighting{err: kafka.ErrClosed}, fail, Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judgeSighting(c.known, c.seen)
			require.Equal(t, c.want, v.do)
			require.Equal(t, c.kind, v.kind)
		})
	}
}

func TestDoubtTakesTimeAndASecondLook(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name string
		d    doubt
		want bool
	}{
		{"missing, first look", doubt{UnknownTopic, ago(time.Hour), 1}, false},
		{"missing, too soon", doubt{UnknownTopic, ago(4 * time.Second), 100}, false},
		{"missing", doubt{UnknownTopic, ago(5 * time.Second), 2}, true},
		{"recreated, first look", doubt{Recreated, ago(time.Hour), 1}, false},
		{"recreated, too soon", doubt{Recreated, ago(time.Millisecond), 2}, false},
		{"recreated", doubt{Recreated, ago(recreatedPatience), 2}, true},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, convinced(c.d, now, missingWhileOpen)) })
	}
}

func TestRangeOfThePosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := Log{Start: rapid.Int64Range(0, 10).Draw(t, "start")}
		log.HighWatermark = log.Start + rapid.Int64Range(0, 10).Draw(t, "length")
		position := rapid.Int64Range(0, 30).Draw(t, "position")
		v := judgeRange(position, log)
		switch {
		case position < log.Start:
			require.Equal(t, verdict{do: fail, kind: Expired}, v)
		case position > log.HighWatermark: // right at it is where the next event will be
			require.Equal(t, verdict{do: fail, kind: BeyondEnd}, v)
		default:
			require.Equal(t, again, v.do)
		}
	})
}

func TestTruncation(t *testing.T) {
	for _, c := range []struct {
		name           string
		current, asked int32
		end            epochEnd
		want           bool
	}{
		{"the epoch goes on", 4, 4, epochEnd{4, 12}, false},
		{"the epoch ends at the position", 5, 4, epochEnd{4, 10}, false},
		{"the epoch ends behind it", 5, 4, epochEnd{4, 11}, false},
		{"the epoch ends before it", 5, 4, epochEnd{4, 9}, true},
		{"an older epoch ends before it", 5, 4, epochEnd{2, 3}, true},
		{"the leader knows only older epochs", 3, 4, epochEnd{-1, -1}, true},
		{"the leader can't tell", 5, 4, epochEnd{-1, -1}, false},
		{"the cluster has no epochs", -1, 4, epochEnd{-1, -1}, false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, truncated(c.current, c.asked, c.end, 10)) })
	}
}
