package kafkadeadletter

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/topics"
)

const (
	cleanupPolicy   = "cleanup.policy"
	compact         = "compact"
	maxMessageBytes = "max.message.bytes"

	// manyReplicas is from when on a letter can need two replicas to be acknowledged and
	// one broker can still be missing.
	manyReplicas = 3
)

// topicSettings are those that the topic is created with.
func topicSettings(c config) map[string]string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	settings := map[string]string{
		cleanupPolicy: compact,
		// A letter is an event and more, so what takes the event may not take the letter.
		maxMessageBytes: strconv.Itoa(int(c.maxLetterBytes)),
		// What is read is mostly the segment that is not compacted yet, so segments are small and
		// compaction comes soon.
		"segment.bytes":             strconv.Itoa(max(64<<20, int(c.maxLetterBytes))),
		"segment.ms":                milliseconds(6 * time.Hour),
		"min.cleanable.dirty.ratio": "0.1",
		"max.compaction.lag.ms":     milliseconds(24 * time.Hour),
		"compression.type":          "producer",
		// A replica that lags behind would lose letters, and bring back those that were replayed.
		"unclean.leader.election.enable": "false",
	}
	if c.replicationFactor >= manyReplicas {
		settings["min.insync.replicas"] = "2"
	}
	return settings
}

// opened is what Open has to know of the topic.
type opened struct {
	id [16]byte
	// limit is its max.message.bytes, or 0 where that isn't known.
	limit int32
}

// openTopic creates the topic, or validates the one that is there.
func openTopic(ctx context.Context, cl *kafka.Client, topic string, c config) (opened, error) {
	spec := topics.Spec{
		Name: topic, Create: c.create, Partitions: 1, ReplicationFactor: c.replicationFactor, Settings: topicSettings(c),
	}
	if c.validate {
		spec.Describe = []string{cleanupPolicy, maxMessageBytes}
	}
	found, err := topics.Open(ctx, cl, spec)
	if err != nil {
		return opened{}, stepError(topic, spec, err)
	}
	if found.Partitions != 1 {
		return opened{}, &Error{
			Kind: ErrPartitionCount, Topic: topic, Asked: "1 partition", Found: strconv.Itoa(int(found.Partitions)),
			Do: "give another topic, or none and have Open create it. Nothing was changed",
		}
	}
	if found.Settings == nil {
		return opened{id: found.ID}, nil
	}
	if err := checkPolicy(topic, found.Settings[cleanupPolicy]); err != nil {
		return opened{}, err
	}
	limit, err := strconv.ParseInt(found.Settings[maxMessageBytes], 10, 64)
	if err != nil || limit <= 0 || limit > math.MaxInt32 {
		limit = 0 // a broker that has no such setting says no when it comes to that
	}
	return opened{id: found.ID, limit: int32(limit)}, nil //nolint:gosec // bounded above
}

// checkPolicy returns an error for a topic that would lose letters: "delete" does so
// when they are older than retention, also beside "compact".
func checkPolicy(topic, policy string) error {
	policies := strings.Split(policy, ",")
	for i := range policies {
		policies[i] = strings.TrimSpace(policies[i])
	}
	policies = slices.Compact(policies)
	if len(policies) == 1 && policies[0] == compact {
		return nil
	}
	return &Error{
		Kind: ErrTopicConfig, Topic: topic,
		Asked: cleanupPolicy + "=" + compact, Found: cleanupPolicy + "=" + policy,
		Do: "set cleanup.policy of the topic to exactly compact if it holds dead letters, or give another topic; nothing was changed",
	}
}

// stepError makes the error of the user's language of what opening the topic met.
func stepError(topic string, spec topics.Spec, err error) error {
	var (
		step *topics.StepError
		code *kerr.Error
	)
	if !errors.As(err, &step) {
		return err
	}
	unauthorised := kafka.Classify(err) == kafka.Unauthorised
	switch {
	case unauthorised && step.Step == topics.Create:
		return &Error{
			Kind: ErrNotAuthorised, Topic: topic, Asked: "the topic to be created", Cause: step.Cause,
			Do: "allow CREATE of the topic, or have somebody create it with one partition and cleanup.policy=compact",
		}
	case unauthorised && step.Step == topics.Describe:
		return &Error{
			Kind: ErrNotAuthorised, Topic: topic, Asked: "the topic's cleanup.policy", Cause: step.Cause,
			Do: "allow DESCRIBE_CONFIGS of the topic, or make sure that it is exactly compact and open WithoutTopicValidation",
		}
	case step.Step == topics.Create && errors.As(err, &code) && !code.Retriable:
		return &Error{
			Kind: ErrTopicConfig, Topic: topic, Found: step.Message, Cause: step.Cause,
			Asked: fmt.Sprintf("1 partition, replication factor %d, %v", spec.ReplicationFactor, spec.Settings),
			Do:    "see WithReplicationFactor and WithMaxLetterBytes, or have somebody create the topic with one partition and cleanup.policy=compact",
		}
	}
	return step.Cause
}
