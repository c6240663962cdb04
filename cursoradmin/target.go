package cursoradmin

import (
	"context"
	"fmt"
	"time"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// Target says where a cursor is to be moved: ToStart, ToEnd, ToOffset, ToTime, Like, or ToSaved.
type Target struct {
	places func(ctx context.Context, q question) (map[int32]place, error)
}

// question is about one topic.
type question struct {
	admin      *Admin
	consumer   string
	topic      string
	logs       logs
	partitions []int32
	entries    []kafkacursor.Entry // all that there are
}

// place is where a cursor is to be, or why it can't.
type place struct {
	cursor string
	next   int64
	why    string
	err    error
}

// ToStart is the start of the log, wherever that is when the consumer comes: the cursor "".
func ToStart() Target {
	return each(func(_ question, _ int32, log kafkastream.Offsets) place { return place{next: log.Start} })
}

// ToEnd is the last stable offset at the time of the plan: all that is there now is skipped.
func ToEnd() Target {
	return each(func(q question, _ int32, log kafkastream.Offsets) place { return q.at(log.LastStable) })
}

// ToOffset is the offset to be consumed next. One that the log doesn't have is ErrOutOfRange: none but those from its
// start to its last stable offset can be.
func ToOffset(next int64) Target {
	return each(func(q question, partition int32, log kafkastream.Offsets) place {
		if next < log.Start || next > log.LastStable {
			return place{err: &Error{
				Kind: ErrOutOfRange, Key: q.key(partition),
				Asked: fmt.Sprintf("offset %d to be next", next), Found: fmt.Sprintf("offsets %d to %d", log.Start, log.LastStable),
				Do: "give one of those; the last is the end",
			}}
		}
		return q.at(next)
	})
}

// ToTime is the first event of that time or later, see kafkastream.Topic.OffsetsAt. Where there is none it is the end.
func ToTime(at time.Time) Target {
	return Target{places: func(ctx context.Context, q question) (map[int32]place, error) {
		offsets, err := q.admin.topic(q.topic).OffsetsAt(ctx, at)
		if err != nil {
			return nil, err
		}
		return q.each(func(partition int32, log kafkastream.Offsets) place {
			// Either end may have moved since the ranges were asked for.
			next := min(max(offsets[partition], log.Start), log.LastStable)
			p := q.at(next)
			if next == log.LastStable {
				p.why = "no event is that young: it is the end"
			}
			return p
		}), nil
	}}
}

// Like is where another consumer is. In partitions in which that has no cursor it is the start, as for that one.
func Like(consumer string) Target {
	return Target{places: func(_ context.Context, q question) (map[int32]place, error) {
		if err := known(q.entries, consumer, q.topic); err != nil {
			return nil, err
		}
		found := byKey(q.entries)
		return q.each(func(partition int32, log kafkastream.Offsets) place {
			e, ok := found[kafkacursor.Key{Consumer: consumer, Topic: q.topic, Partition: partition}]
			if !ok {
				return place{next: log.Start, why: fmt.Sprintf("%s has no cursor here, so it begins at the start", consumer)}
			}
			if e.Err != nil {
				return place{err: e.Err}
			}
			return q.usable(partition, e.Cursor, log)
		}), nil
	}}
}

// ToSaved is where the consumer was when the standings were saved, as by List and ReadStandings. Those of other consumers
// and topics are passed over, as are those without a cursor. Partitions that have none in it stay as they are.
func ToSaved(saved []Standing) Target {
	return Target{places: func(_ context.Context, q question) (map[int32]place, error) {
		cursors, consumers := make(map[int32]string), make(map[string]struct{})
		for _, s := range saved {
			consumers[s.Consumer] = struct{}{}
			if s.Consumer == q.consumer && s.Topic == q.topic && s.State != None {
				cursors[s.Partition] = s.Cursor
			}
		}
		if len(cursors) == 0 {
			return nil, &Error{
				Kind: ErrBadFile, Asked: askedFor(q.consumer, q.topic), Found: "consumers in it: " + named(consumers),
				Do: "give another file, or another name",
			}
		}
		places := q.each(func(partition int32, log kafkastream.Offsets) place {
			return q.usable(partition, cursors[partition], log)
		})
		for partition := range places {
			if _, ok := cursors[partition]; !ok {
				delete(places, partition)
			}
		}
		return places, nil
	}}
}

// each makes a target of what needs nothing but the log.
func each(fn func(question, int32, kafkastream.Offsets) place) Target {
	return Target{places: func(_ context.Context, q question) (map[int32]place, error) {
		return q.each(func(partition int32, log kafkastream.Offsets) place { return fn(q, partition, log) }), nil
	}}
}

func (q question) each(fn func(partition int32, log kafkastream.Offsets) place) map[int32]place {
	places := make(map[int32]place, len(q.partitions))
	for _, partition := range q.partitions {
		places[partition] = fn(partition, q.logs.offsets[partition])
	}
	return places
}

func (q question) key(partition int32) kafkacursor.Key {
	return kafkacursor.Key{Consumer: q.consumer, Topic: q.topic, Partition: partition}
}

// at is the place that has the offset next. The leader epoch of the event before is not known, so a log that is truncated is
// noticed only after the next event.
func (q question) at(next int64) place {
	return place{cursor: kafkastream.Cursor{Offset: next - 1, TopicID: q.logs.id, LeaderEpoch: unknown}.String(), next: next}
}

// usable is the place of a cursor, which a stream must take.
func (q question) usable(partition int32, cursor string, log kafkastream.Offsets) place {
	p := judge(cursor, q.logs.id, log)
	if p.state == OK {
		return place{cursor: cursor, next: p.next}
	}
	return place{err: &Error{
		Kind: ErrUnusableCursor, Key: q.key(partition), Asked: fmt.Sprintf("cursor %q", cursor), Cause: p.err,
		Found: fmt.Sprintf("that it is %s: offsets %d to %d", p.state, log.Start, log.LastStable),
		Do:    "give an offset or a time instead",
	}}
}
