package kafkadeadletter

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// fetchWait is how long a fetch waits that finds nothing. That is so where an open transaction hides the rest.
const fetchWait = 250 * time.Millisecond

// answerBytes is about what one answer takes in memory, however well letters are compressed.
const answerBytes = 8 << 20

// reading is one call's look at the topic. It knows where the newest letter of each key is, and nothing of
// what is in it: letters are as large as events, and there may be many. It is for one goroutine, and must be closed.
type reading struct {
	store *Store
	cl    *kafka.Client
	wants func(Key) bool

	log     partition.Log // as of the last advance
	next    int64         // all before it is in the index
	index   map[Key]int64 // offset of the newest record
	strange []int64       // offsets of records whose key is none

	batch []*kgo.Record // what was fetched last, to find neighbours in
}

func (s *Store) newReading(wants func(Key) bool) (*reading, error) {
	cl, err := newClient(s.topic, s.kafka)
	if err != nil {
		return nil, err
	}
	return &reading{store: s, cl: cl, wants: wants, index: make(map[Key]int64)}, nil
}

func (r *reading) close() { r.cl.Close() }

// forget has the topic read from a position on, as if for the first time.
func (r *reading) forget(position int64) {
	clear(r.index)
	r.strange, r.batch, r.next = nil, nil, position
}

// advance reads all that was acknowledged before the call.
func (r *reading) advance(ctx context.Context) error {
	var pause kafka.Backoff
	for {
		if err := r.describe(ctx); err != nil {
			return err
		}
		if r.next < r.log.Start || r.next > r.log.HighWatermark {
			// What was removed may have been the sign that a letter is gone.
			r.forget(r.log.Start)
		}
		err := r.readTo(ctx, r.log.HighWatermark)
		if !isMoved(err) {
			return err
		}
		r.forget(r.log.Start)
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

// describe asks for the range of the topic.
func (r *reading) describe(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, r.store.config.timeout)
	defer cancel()
	log, err := partition.Describe(bounded, r.cl, r.store.topic, 0)
	if err != nil {
		return err
	}
	if err := sameTopic(r.store.topic, r.store.topicID, log.TopicID); err != nil {
		return err
	}
	r.log = log
	return nil
}

// isMoved reports whether the log is not any more what Describe said.
func isMoved(err error) bool {
	var fault *partition.Fault
	if !errors.As(err, &fault) {
		return false
	}
	switch fault.Kind {
	case partition.Expired, partition.BeyondEnd, partition.Truncated:
		return true
	default:
		return false
	}
}

// readTo reads up to the high watermark: what is above the last stable offset may be acknowledged
// already, and a letter that nobody finds would be lost.
func (r *reading) readTo(ctx context.Context, target int64) error {
	if r.next >= target {
		return nil
	}
	reader := partition.NewReader(r.cl, r.log, r.next, partition.Config{MaxWait: fetchWait, TargetBytes: answerBytes})
	last := time.Now()
	for r.next < target {
		answer, err := r.fetch(ctx, reader)
		if err != nil {
			return err
		}
		for _, record := range answer.Records {
			r.add(record)
		}
		if answer.Next > r.next {
			r.next, last = answer.Next, time.Now()
		}
		if len(answer.Records) > 0 {
			r.batch = answer.Records
		}
		if r.next < target && answer.Stalled && answer.LastStable >= target {
			r.next = target // what is left is there no more
		}
		if time.Since(last) > r.store.config.timeout {
			return r.hidden(answer, target)
		}
	}
	return nil
}

// hidden says why nothing moves although there should be something.
func (r *reading) hidden(answer partition.Answer, target int64) error {
	if answer.LastStable < target {
		return &Error{
			Kind: ErrOpenTransaction, Topic: r.store.topic,
			Found: fmt.Sprintf("last stable offset %d < high watermark %d: an open transaction", answer.LastStable, target),
			Do:    "try again; it ends with its timeout, and kafka-transactions.sh names it",
		}
	}
	return &Error{
		Kind: ErrUnreachable, Topic: r.store.topic, Found: fmt.Sprintf("the topic read to offset %d of %d", r.next, target),
		Do: "check the brokers and try again",
	}
}

// fetch is one fetch that obeys its context, and is given up on if the brokers don't answer.
func (r *reading) fetch(ctx context.Context, reader *partition.Reader) (partition.Answer, error) {
	bounded, cancel := context.WithTimeout(ctx, r.store.config.timeout)
	defer cancel()
	// So that it ends with the context whatever kgo does. Who left the reader behind doesn't touch it again.
	return kafka.Do(bounded, r.cl, reader.Fetch)
}

// add notes a record.
func (r *reading) add(record *kgo.Record) {
	if len(record.Key) == 0 {
		return // Kafka refuses them on a compacted topic, so it wasn't one once
	}
	key, err := ParseKey(string(record.Key))
	switch {
	case err != nil && record.Value != nil:
		r.strange = append(r.strange, record.Offset)
	case err != nil || !r.wants(key):
	case record.Value == nil:
		delete(r.index, key)
	default:
		r.index[key] = record.Offset
	}
}

// letter returns the newest letter of a key, and whether there is one.
func (r *reading) letter(ctx context.Context, key Key) (Letter, bool, error) {
	for {
		offset, ok := r.index[key]
		if !ok {
			return Letter{}, false, nil
		}
		record, err := r.at(ctx, offset)
		if err != nil {
			return Letter{}, false, err
		}
		if record != nil {
			return decode(record), true, nil
		}
		// It was replaced or removed since, and compacted away.
		if err := r.advance(ctx); err != nil {
			return Letter{}, false, err
		}
		if r.index[key] == offset {
			return Letter{}, false, &Error{
				Kind: ErrRefused, Topic: r.store.topic, Key: key,
				Asked: fmt.Sprintf("the letter at offset %d", offset), Found: "no record there, and none that replaced it",
			}
		}
	}
}

// at returns the record at an offset, or nil if it is gone.
func (r *reading) at(ctx context.Context, offset int64) (*kgo.Record, error) {
	if n := len(r.batch); n == 0 || offset < r.batch[0].Offset || offset > r.batch[n-1].Offset {
		r.batch = nil
		if err := r.fill(ctx, offset); err != nil {
			return nil, err
		}
	}
	i := sort.Search(len(r.batch), func(i int) bool { return r.batch[i].Offset >= offset })
	if i < len(r.batch) && r.batch[i].Offset == offset {
		return r.batch[i], nil
	}
	return nil, nil //nolint:nilnil // there is none, which is no error
}

// fill fetches what is at an offset and behind.
func (r *reading) fill(ctx context.Context, offset int64) error {
	reader := partition.NewReader(r.cl, r.log, offset, partition.Config{MaxWait: fetchWait, TargetBytes: answerBytes})
	next := offset
	for next <= offset {
		answer, err := r.fetch(ctx, reader)
		if isMoved(err) {
			return nil // it was removed
		}
		if err != nil {
			return err
		}
		if len(answer.Records) > 0 {
			r.batch = slices.Clone(answer.Records)
			return nil
		}
		if answer.Stalled {
			return nil
		}
		next = answer.Next
	}
	return nil
}
