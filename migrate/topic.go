package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/kafkastream"
)

const (
	cleanupPolicy  = "cleanup.policy"
	retentionMs    = "retention.ms"
	retentionBytes = "retention.bytes"
	timestampType  = "message.timestamp.type"

	unlimited  = "-1"
	createTime = "CreateTime"

	// manyReplicas is from when on an event can need two replicas to be acknowledged and
	// one broker can still be missing.
	manyReplicas = 3
)

// targetTopic is what a topic is like.
type targetTopic struct {
	partitions int
	settings   map[string]string // nil is not asked for
}

// fit says what about a topic keeps a copy out of it.
func (t targetTopic) fit(c copyConfig) (found, do string) {
	if t.partitions > 1 && !c.manyPartitions {
		return fmt.Sprintf("%d partitions", t.partitions),
			"copy into a topic with one partition, as a source has one order; WithManyPartitions where each partition is the copy of another source"
	}
	if t.settings == nil {
		return "", ""
	}
	var policies []string
	for _, p := range strings.Split(t.settings[cleanupPolicy], ",") {
		policies = append(policies, strings.TrimSpace(p))
	}
	if slices.Contains(policies, "compact") {
		return cleanupPolicy + "=" + t.settings[cleanupPolicy],
			"set cleanup.policy to delete and retention.ms and retention.bytes to -1: compaction removes all but the last event of each foreign id"
	}
	if kind, known := t.settings[timestampType]; known && kind != createTime {
		return timestampType + "=" + kind, "set it to CreateTime, or events get the time of their copy"
	}
	if c.finiteRetention {
		return "", ""
	}
	for _, name := range []string{retentionMs, retentionBytes} {
		if value, known := t.settings[name]; known && value != unlimited {
			return name + "=" + value,
				"set it to -1, or events that are older are gone as soon as they are copied; WithFiniteRetention if they may be"
		}
	}
	return "", ""
}

// newTopicSettings are those that a topic is created with.
func newTopicSettings(replicas int16) map[string]*string {
	settings := map[string]string{
		cleanupPolicy: "delete", retentionMs: unlimited, retentionBytes: unlimited, timestampType: createTime,
		// A replica that lags behind would cut the log below cursors.
		"unclean.leader.election.enable": "false",
	}
	if replicas >= manyReplicas {
		settings["min.insync.replicas"] = "2"
	}
	pointers := make(map[string]*string, len(settings))
	for name, value := range settings {
		pointers[name] = &value
	}
	return pointers
}

// validateTopic refuses a topic that isn't there or isn't fit.
func (c *copier) validateTopic(ctx context.Context) error {
	// Whether it is there, and who may look, a stream of it says best.
	if _, err := c.target.Offsets(ctx); err != nil {
		return err
	}
	topic, err := ask(ctx, c.client, c.config.timeout, c.describe)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case kafka.Classify(err) == kafka.Unauthorised:
		return &Error{
			Kind: kafkastream.ErrNotAuthorised, Topic: c.topic, Partition: c.partition, Asked: "the topic's settings", Cause: err,
			Do: "allow DESCRIBE_CONFIGS of the topic, or make sure that it keeps all events and copy WithoutTopicValidation",
		}
	default:
		return failure(c.topic, c.partition, "the topic's settings", err)
	}
	if found, do := topic.fit(c.config); found != "" {
		return &Error{Kind: ErrTargetSettings, Topic: c.topic, Partition: c.partition, Found: found, Do: do}
	}
	return nil
}

func (c *copier) describe(ctx context.Context) (targetTopic, error) {
	admin := kadm.NewClient(c.client.Client)
	topics, err := admin.ListTopics(ctx, c.topic)
	if err != nil {
		return targetTopic{}, err
	}
	detail, ok := topics[c.topic]
	if !ok {
		return targetTopic{}, kerr.UnknownTopicOrPartition
	}
	if detail.Err != nil {
		return targetTopic{}, detail.Err
	}
	res := targetTopic{partitions: len(detail.Partitions)}
	if c.config.trustTopic {
		return res, nil
	}
	configs, err := admin.DescribeTopicConfigs(ctx, c.topic)
	if err != nil {
		return targetTopic{}, err
	}
	config, err := configs.On(c.topic, nil)
	if err == nil {
		err = config.Err
	}
	if err != nil {
		return targetTopic{}, err
	}
	res.settings = make(map[string]string)
	for _, entry := range config.Configs {
		if entry.Value != nil {
			res.settings[entry.Key] = *entry.Value
		}
	}
	return res, nil
}

// createTopic creates the topic unless it is there.
func (c *copier) createTopic(ctx context.Context) error {
	_, err := ask(ctx, c.client, c.config.timeout, func(ctx context.Context) (struct{}, error) {
		_, err := kadm.NewClient(c.client.Client).CreateTopic(ctx, c.partition+1, c.config.createReplicas, newTopicSettings(c.config.createReplicas), c.topic)
		return struct{}{}, err
	})
	switch {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return failure(c.topic, c.partition, "the topic to be created", err)
}
