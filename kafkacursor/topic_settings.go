package kafkacursor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	cleanupPolicy = "cleanup.policy"
	compact       = "compact"

	// manyReplicas is from when on a cursor can need two replicas to be acknowledged and
	// one broker can still be missing.
	manyReplicas = 3
)

// topicSettings are those that the topic is created with.
func topicSettings(replicationFactor int16) map[string]string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	settings := map[string]string{
		cleanupPolicy: compact,
		// What is read at the start is mostly the segment that is not compacted yet,
		// so segments are small and compaction comes soon.
		"segment.bytes":             strconv.Itoa(32 << 20),
		"segment.ms":                milliseconds(6 * time.Hour),
		"min.cleanable.dirty.ratio": "0.05",
		"max.compaction.lag.ms":     milliseconds(6 * time.Hour),
		// A view that was away for less sees that a cursor was deleted.
		"delete.retention.ms": milliseconds(7 * 24 * time.Hour),
		"compression.type":    "producer",
		// A replica that lags behind would bring old cursors back.
		"unclean.leader.election.enable": "false",
	}
	if replicationFactor >= manyReplicas {
		settings["min.insync.replicas"] = "2"
	}
	return settings
}

// checkPolicy returns an error for a topic that would lose cursors: "delete" does so
// when a consumer is idle for longer than retention, also beside "compact".
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
		Do: "set cleanup.policy of the topic to exactly compact if it holds cursors, or give another topic; nothing was changed",
	}
}

func checkPartitions(topic string, want, found int32) error {
	if want == found {
		return nil
	}
	e := &Error{
		Kind: ErrPartitionCount, Topic: topic,
		Asked: fmt.Sprintf("%d partitions", want), Found: strconv.Itoa(int(found)),
		Do: fmt.Sprintf("give WithPartitions(%d) if the topic always had that many; "+
			"if partitions were added, cursors are where nobody looks: copy them to a new topic. Nothing was changed", found),
	}
	return e
}
