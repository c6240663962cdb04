package kafkastream

import (
	"time"

	"github.com/kreflex/kreflex/internal/partition"
	"github.com/kreflex/kreflex/reflex"
)

// Progresser is a stream that knows how far it has read. The streams of a Partition are such.
type Progresser interface {
	reflex.StreamClient
	// Progress returns what the latest answer of the brokers said. It may be called by any
	// goroutine, and asks nobody.
	Progress() Progress
}

// Progress is how far a stream has read, and what the log was like then. While a consumer is busy its
// stream reads ahead by two answers at most and then stands still, and so does this: ask
// Topic.Offsets for what the log is like now.
type Progress struct {
	// Event is the offset of the last event that was read, which may not be delivered yet. Before the first it
	// is that of the cursor, and -1 at the start of the log.
	Event int64
	// Next is the offset that is read next. What is between Event and it is no event: markers of transactions,
	// aborted records, and what compaction left out. So a consumer that is done with
	// Event has nothing left before Next.
	Next int64
	// Offsets are those of the log.
	Offsets
	// At is when the answer came. Before the first it is when the stream was opened.
	At time.Time
}

// Progress implements Progresser.
func (s *stream) Progress() Progress { return *s.progress.Load() }

// noteOpen is what is known before the first answer.
func (f *fetcher) noteOpen(next int64) {
	f.stream.progress.Store(&Progress{
		Event: next - 1, Next: next, At: time.Now(),
		Offsets: Offsets{Start: f.log.Start, LastStable: f.log.LastStable, HighWatermark: f.log.HighWatermark},
	})
}

// note keeps what an answer said. It comes before its events are handed over: who has one of them finds it here.
func (f *fetcher) note(answer partition.Answer) {
	p := Progress{
		Event: f.stream.progress.Load().Event, Next: answer.Next, At: time.Now(),
		Offsets: Offsets{Start: answer.Start, LastStable: answer.LastStable, HighWatermark: answer.HighWatermark},
	}
	if n := len(answer.Records); n > 0 {
		p.Event = answer.Records[n-1].Offset
	}
	f.stream.progress.Store(&p)
}
