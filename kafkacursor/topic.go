package kafkacursor

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/partition"
)

// openTopic creates the topic, or validates the one that is there, and returns its ID.
func openTopic(ctx context.Context, cl *kafka.Client, topic string, c config) ([16]byte, error) {
	found, err := countPartitions(ctx, cl, topic)
	isNew := false
	switch {
	case err == nil:
	case kafka.Classify(err) != kafka.Unknown:
		return [16]byte{}, err
	case c.create:
		if isNew, err = createTopic(ctx, cl, topic, c); err != nil {
			return [16]byte{}, err
		}
	default:
		// The broker asked may not have heard of it yet: Describe asks more.
		if _, err := partition.Describe(ctx, cl, topic, 0); err != nil {
			return [16]byte{}, err
		}
	}
	if !isNew && c.validate {
		if err := validateConfig(ctx, cl, topic); err != nil {
			return [16]byte{}, err
		}
	}
	if found == 0 {
		if found, err = waitForTopic(ctx, cl, topic); err != nil {
			return [16]byte{}, err
		}
	}
	if err := checkPartitions(topic, c.partitions, found); err != nil {
		return [16]byte{}, err
	}
	log, err := partition.Describe(ctx, cl, topic, 0)
	return log.TopicID, err
}

// countPartitions returns how many partitions the topic has.
func countPartitions(ctx context.Context, cl *kafka.Client, topic string) (int32, error) {
	return ask(ctx, cl, passing, countOnce(cl, topic))
}

// waitForTopic is countPartitions for a topic that was just created.
func waitForTopic(ctx context.Context, cl *kafka.Client, topic string) (int32, error) {
	return ask(ctx, cl, passingWhenNew, countOnce(cl, topic))
}

func countOnce(cl *kafka.Client, topic string) func(context.Context) (int32, error) {
	return func(ctx context.Context) (int32, error) {
		topics, err := kadm.NewClient(cl.Client).ListTopics(ctx, topic)
		if err != nil {
			return 0, err
		}
		detail, ok := topics[topic]
		if !ok {
			return 0, kerr.UnknownTopicOrPartition
		}
		if detail.Err != nil {
			return 0, detail.Err
		}
		return int32(len(detail.Partitions)), nil //nolint:gosec // partitions are counted in 32 bits
	}
}

// createTopic creates the topic and reports whether it was us.
func createTopic(ctx context.Context, cl *kafka.Client, topic string, c config) (bool, error) {
	settings := make(map[string]*string)
	for name, value := range topicSettings(c.replicationFactor) {
		settings[name] = &value
	}
	message, err := ask(ctx, cl, passing, func(ctx context.Context) (string, error) {
		resp, err := kadm.NewClient(cl.Client).CreateTopic(ctx, c.partitions, c.replicationFactor, settings, topic)
		return resp.ErrMessage, err
	})
	var code *kerr.Error
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, kerr.TopicAlreadyExists):
		// Somebody was faster, or an answer was lost.
		return false, nil
	case kafka.Classify(err) == kafka.Unauthorised:
		return false, &Error{
			Kind: ErrNotAuthorised, Topic: topic, Asked: "the topic to be created", Cause: err,
			Do: "allow CREATE of the topic, or have somebody create it",
		}
	case errors.As(err, &code) && !code.Retriable:
		return false, &Error{
			Kind: ErrTopicConfig, Topic: topic, Found: message, Cause: err,
			Asked: fmt.Sprintf("%d partitions, replication factor %d, %v", c.partitions, c.replicationFactor, topicSettings(c.replicationFactor)),
			Do:    "see WithReplicationFactor and WithPartitions, or have somebody create the topic with cleanup.policy=compact",
		}
	}
	return false, err
}

func validateConfig(ctx context.Context, cl *kafka.Client, topic string) error {
	policy, err := ask(ctx, cl, passingWhenNew, func(ctx context.Context) (string, error) {
		configs, err := kadm.NewClient(cl.Client).DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return "", err
		}
		config, err := configs.On(topic, nil)
		if err != nil {
			return "", err
		}
		if config.Err != nil {
			return "", config.Err
		}
		for _, c := range config.Configs {
			if c.Key == cleanupPolicy {
				return c.MaybeValue(), nil
			}
		}
		return "", nil
	})
	if kafka.Classify(err) == kafka.Unauthorised {
		return &Error{
			Kind: ErrNotAuthorised, Topic: topic, Asked: "the topic's cleanup.policy", Cause: err,
			Do: "allow DESCRIBE_CONFIGS of the topic, or make sure that it is exactly compact and open WithoutTopicValidation",
		}
	}
	if err != nil {
		return err
	}
	return checkPolicy(topic, policy)
}
