package cursoradmin

import (
	"context"
	"slices"

	"github.com/kreflex/kreflex/kafkacursor"
)

// Filter says which cursors are meant. What is empty leaves nothing out.
type Filter struct {
	Consumers []string
	Topic     string
}

func (f Filter) matches(key kafkacursor.Key) bool {
	return (len(f.Consumers) == 0 || slices.Contains(f.Consumers, key.Consumer)) && (f.Topic == "" || f.Topic == key.Topic)
}

// List returns where consumers are by their cursors, in order of consumer, topic and partition. Records that are not those of
// cursors are among them, as Corrupt. None is no error. It returns the errors of kafkacursor.Store.List, and
// kafkastream.ErrUnreachable.
func (a *Admin) List(ctx context.Context, filter Filter) ([]Standing, error) {
	entries, err := a.store.List(ctx)
	if err != nil {
		return nil, err
	}
	return a.standings(ctx, slices.DeleteFunc(entries, func(e kafkacursor.Entry) bool { return !filter.matches(e.Key) }))
}

func (a *Admin) standings(ctx context.Context, entries []kafkacursor.Entry) ([]Standing, error) {
	topics, err := a.logsOf(ctx, entries)
	if err != nil {
		return nil, err
	}
	standings := make([]Standing, 0, len(entries))
	for _, e := range entries {
		standings = append(standings, standing(e, topics[e.Key.Topic]))
	}
	return standings, nil
}

func (a *Admin) logsOf(ctx context.Context, entries []kafkacursor.Entry) (map[string]logs, error) {
	topics := make(map[string]logs)
	for _, e := range entries {
		if _, asked := topics[e.Key.Topic]; asked || e.Key.Topic == "" {
			continue
		}
		l, err := a.logs(ctx, e.Key.Topic)
		if err != nil {
			return nil, err
		}
		topics[e.Key.Topic] = l
	}
	return topics, nil
}

// Lag returns where consumers are in all partitions of their topics: also in those in which they have no cursor yet. A
// consumer or topic of the filter without any cursor is ErrUnknownConsumer. It returns the errors of List too.
func (a *Admin) Lag(ctx context.Context, filter Filter) ([]Standing, error) {
	entries, err := a.store.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, consumer := range filter.Consumers {
		if err := known(entries, consumer, filter.Topic); err != nil {
			return nil, err
		}
	}
	if len(filter.Consumers) == 0 && filter.Topic != "" {
		if err := known(entries, "", filter.Topic); err != nil {
			return nil, err
		}
	}
	entries = slices.DeleteFunc(entries, func(e kafkacursor.Entry) bool { return !filter.matches(e.Key) })
	topics, err := a.logsOf(ctx, entries)
	if err != nil {
		return nil, err
	}
	return spread(entries, topics), nil
}

// spread returns the standings of the entries, and between them those of the partitions that have none.
func spread(entries []kafkacursor.Entry, topics map[string]logs) []Standing {
	var standings []Standing
	for i := 0; i < len(entries); {
		key := entries[i].Key
		end := i
		var seen int32 // partitions up to here are told
		for ; end < len(entries) && entries[end].Key.Consumer == key.Consumer && entries[end].Key.Topic == key.Topic; end++ {
			e := entries[end]
			standings = fill(standings, e.Key, topics[key.Topic], seen, e.Key.Partition)
			seen = e.Key.Partition + 1
			standings = append(standings, standing(e, topics[key.Topic]))
		}
		standings = fill(standings, key, topics[key.Topic], seen, int32(len(topics[key.Topic].offsets)))
		i = end
	}
	return standings
}

// fill adds the partitions from one number up to before another.
func fill(standings []Standing, key kafkacursor.Key, l logs, from, to int32) []Standing {
	if key.Topic == "" {
		return standings
	}
	for p := from; p < to && int(p) < len(l.offsets); p++ {
		standings = append(standings, without(key.Consumer, key.Topic, p, l.offsets[p]))
	}
	return standings
}

// all returns the numbers of all partitions.
func (l logs) all() []int32 {
	partitions := make([]int32, len(l.offsets))
	for i := range partitions {
		partitions[i] = int32(i)
	}
	return partitions
}

// byKey returns entries by their keys. One that is in a partition where it doesn't belong comes before the
// right one: it is in the way.
func byKey(entries []kafkacursor.Entry) map[kafkacursor.Key]kafkacursor.Entry {
	found := make(map[kafkacursor.Key]kafkacursor.Entry, len(entries))
	for _, e := range entries {
		if present, ok := found[e.Key]; !ok || !isMisplaced(present.Err) {
			found[e.Key] = e
		}
	}
	return found
}
