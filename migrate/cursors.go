package migrate

import (
	"context"
	"maps"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
	"github.com/kreflex/kreflex/reflex"
)

// Cursors is where the cursors of consumers are read: Map, Store, Topic or Group, or one of
// the user's.
type Cursors interface {
	// Cursor returns the cursor of the consumer, or "" if it has none. It must change
	// nothing, not even who the consumer belongs to: a dry run calls it.
	Cursor(ctx context.Context, consumer string) (string, error)
}

// SettableCursors is where cursors can be moved to: Store, Topic or Group, or one of the user's.
type SettableCursors interface {
	Cursors
	// MoveCursor sets the cursor, which is durable when it returns. It was compared with the
	// one that is there just before, and is never empty.
	MoveCursor(ctx context.Context, consumer, cursor string) error
}

// idler is what a place of cursors is that knows whether somebody uses them now.
type idler interface {
	// idle returns an error that is ErrGroupActive if somebody does.
	idle(ctx context.Context) error
}

// Map returns cursors by the name of their consumer, such as those exported from a
// database.
func Map(cursors map[string]string) Cursors { return mapCursors(maps.Clone(cursors)) }

type mapCursors map[string]string

func (m mapCursors) Cursor(_ context.Context, consumer string) (string, error) {
	return m[consumer], nil
}

// Store returns the cursors of any reflex.CursorStore. Its GetCursor is called by a dry run
// too; where that takes the consumer over, as for a kafkacursor.Store, use Topic.
func Store(store reflex.CursorStore) SettableCursors { return storeCursors{store} }

type storeCursors struct{ store reflex.CursorStore }

func (s storeCursors) Cursor(ctx context.Context, consumer string) (string, error) {
	return s.store.GetCursor(ctx, consumer)
}

func (s storeCursors) MoveCursor(ctx context.Context, consumer, cursor string) error {
	if err := s.store.SetCursor(ctx, consumer, cursor); err != nil {
		return err
	}
	return s.store.Flush(ctx)
}

// Topic returns the cursors that consumers of a partition have in a compacted topic: those of
// store.For(kafkastream.NewPartition(kafka, topic, partition)). Reading takes nobody over. Moving
// overrules whoever has the consumer, as kafkacursor.Store.Reset does: one that runs gets
// kafkacursor.ErrSuperseded, and goes on from there when it is run again.
func Topic(store *kafkacursor.Store, topic string, partition int32) SettableCursors {
	return topicCursors{store: store, topic: topic, partition: partition}
}

type topicCursors struct {
	store     *kafkacursor.Store
	topic     string
	partition int32
}

func (t topicCursors) key(consumer string) kafkacursor.Key {
	return kafkacursor.Key{Consumer: consumer, Topic: t.topic, Partition: t.partition}
}

func (t topicCursors) Cursor(ctx context.Context, consumer string) (string, error) {
	entry, _, err := t.store.Peek(ctx, t.key(consumer))
	return entry.Cursor, err
}

func (t topicCursors) MoveCursor(ctx context.Context, consumer, cursor string) error {
	return t.store.Reset(ctx, t.key(consumer), cursor)
}

// Mapping says where in a partition the event is that a cursor stands on: Copied or Same.
type Mapping struct {
	target    *kafkastream.Partition
	topic     string
	partition int32
	copied    bool
	searched  int64 // from how many offsets on a search is quicker than reading them all
}

// searchedFrom is how many records can be read in the time of a search.
const searchedFrom = 100_000

// Copied returns the mapping that Copy has written: a cursor is the ID of an event in the source, and
// becomes that of its copy.
//
// Where IDs are numbers, a cursor between two of them becomes the smaller: it may be that of
// an event that the copy was never shown, and all up to it was consumed. One before the first
// becomes the start. A cursor with the identity of a log, such as "7@Rk3sT1x2Q9ilbZk9Pb1xGg:4" of
// a partition that was copied, counts as the number before the @.
func Copied(kafkaOpts []kgo.Opt, topic string, partition int32) Mapping {
	return Mapping{target: newTarget(kafkaOpts, topic, partition), topic: topic, partition: partition, copied: true, searched: searchedFrom}
}

// Same returns the mapping of a partition to itself, for cursors that move to another
// place: from or to a consumer group, or another topic of cursors. It refuses those that a
// stream would refuse, for the same reasons.
func Same(kafkaOpts []kgo.Opt, topic string, partition int32) Mapping {
	return Mapping{target: newTarget(kafkaOpts, topic, partition), topic: topic, partition: partition}
}

// place is where a cursor is in the target.
type place struct {
	cursor string // "" is the start
	next   int64  // offset of the first event that is not consumed
	err    error  // why there is no such place
}

// resolve returns the place of each cursor. Those that are not copied yet it waits for
// as long as until says so.
func (m Mapping) resolve(ctx context.Context, cursors []string, until waiting) (map[string]place, kafkastream.Offsets, error) {
	offsets, err := m.target.Offsets(ctx)
	if err != nil {
		return nil, offsets, err
	}
	if !m.copied {
		places := make(map[string]place, len(cursors))
		for _, cursor := range cursors {
			p, err := m.same(ctx, cursor, offsets)
			if err != nil {
				return nil, offsets, err
			}
			places[cursor] = p
		}
		return places, offsets, nil
	}
	return m.lookUp(ctx, cursors, offsets, until)
}

// same asks for a stream after the cursor: whatever is wrong with it, that says.
func (m Mapping) same(ctx context.Context, cursor string, offsets kafkastream.Offsets) (place, error) {
	if cursor == "" {
		return place{next: offsets.Start}, nil
	}
	stream, err := m.target.Stream(ctx, cursor)
	if err != nil {
		if ctx.Err() != nil || !kafkastream.IsPermanent(err) {
			return place{}, err
		}
		return place{err: err}, nil
	}
	_ = closeStream(stream) // nothing was read from it
	at, err := kafkastream.ParseCursor(cursor)
	if err != nil {
		return place{err: err}, nil
	}
	return place{cursor: m.identified(at), next: at.Offset + 1}, nil
}

// identified returns the cursor's text with the identity of the log, which a stream of it has
// just found out.
func (m Mapping) identified(at kafkastream.Cursor) string {
	if at.TopicID != [16]byte{} {
		return at.String()
	}
	return m.target.Stamp()(strconv.FormatInt(at.Offset, 10))
}
