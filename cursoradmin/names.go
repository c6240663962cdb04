package cursoradmin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/luno/jettison/errors"

	"github.com/kreflex/kreflex/kafkacursor"
	"github.com/kreflex/kreflex/kafkastream"
)

// known returns an error that says what there is if the consumer has no cursor in the topic, and one of any consumer where
// none is given.
func known(entries []kafkacursor.Entry, consumer, topic string) error {
	consumers, topics, ofTopic := make(map[string]struct{}), make(map[string]struct{}), make(map[string]struct{})
	for _, e := range entries {
		if e.Err != nil && e.Key.Topic == "" {
			continue // not even its key is known
		}
		isConsumer, isTopic := consumer == "" || e.Key.Consumer == consumer, topic == "" || e.Key.Topic == topic
		if isConsumer && isTopic {
			return nil
		}
		consumers[e.Key.Consumer] = struct{}{}
		if isConsumer {
			topics[topicName(e.Key)] = struct{}{}
		}
		if isTopic {
			ofTopic[e.Key.Consumer] = struct{}{}
		}
	}
	e := &Error{Kind: ErrUnknownConsumer, Do: "correct the name"}
	switch {
	case len(consumers) == 0:
		e.Asked, e.Found, e.Do = askedFor(consumer, topic), "no cursors at all", "see whether it is the right cluster and the right topic of cursors"
	case consumer == "":
		e.Asked, e.Found = askedFor(consumer, topic), "topics with cursors: "+named(topics)
	case len(topics) > 0:
		e.Asked, e.Found = askedFor(consumer, topic), "topics in which it has cursors: "+named(topics)
		if len(ofTopic) > 0 {
			e.Found += ", consumers with cursors in " + topic + ": " + named(ofTopic)
		}
	default:
		e.Asked, e.Found = askedFor(consumer, topic), "consumers with cursors: "+named(consumers)
	}
	return e
}

func askedFor(consumer, topic string) string {
	switch {
	case consumer == "":
		return "cursors in topic " + topic
	case topic == "":
		return "cursors of consumer " + consumer
	}
	return "cursors of consumer " + consumer + " in topic " + topic
}

func topicName(key kafkacursor.Key) string {
	if key.Topic == "" {
		return "(no topic)"
	}
	return key.Topic
}

// topicsWith returns the topics that anybody has a cursor in.
func topicsWith(entries []kafkacursor.Entry) string {
	topics := make(map[string]struct{})
	for _, e := range entries {
		if e.Key.Topic != "" {
			topics[e.Key.Topic] = struct{}{}
		}
	}
	return named(topics)
}

// existing says which topics there are in the error of one that isn't.
func existing(err error, entries []kafkacursor.Entry) error {
	if !errors.Is(err, kafkastream.ErrUnknownTopic) {
		return err
	}
	return &Error{Kind: kafkastream.ErrUnknownTopic, Found: "topics with cursors: " + topicsWith(entries), Cause: err}
}

// named is names for a message: in order, each once, and not too many of them.
func named(names map[string]struct{}) string {
	const enough = 20
	sorted := slices.Sorted(maps.Keys(names))
	more := ""
	if len(sorted) > enough {
		more = fmt.Sprintf(" and %d more", len(sorted)-enough)
		sorted = sorted[:enough]
	}
	if len(sorted) == 0 {
		return "none"
	}
	return strings.Join(sorted, ", ") + more
}
