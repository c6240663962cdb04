package kafkacursor

import (
	"context"
	"fmt"

	"github.com/luno/jettison/errors"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kreflex/kreflex/internal/kafka"
	"github.com/kreflex/kreflex/internal/topics"
)

// openTopic creates the topic, or validates the one that is there, and returns its ID.
func openTopic(ctx context.Context, cl *kafka.Client, topic string, c config) ([16]byte, error) {
	spec := topics.Spec{
		Name: topic, Create: c.create, Partitions: c.partitions, ReplicationFactor: c.replicationFactor,
		Settings: topicSettings(c.replicationFactor),
	}
	if c.validate {
		spec.Describe = []string{cleanupPolicy}
	}
	found, err := topics.Open(ctx, cl, spec)
	if err != nil {
		return [16]byte{}, stepError(topic, spec, err)
	}
	if c.validate {
		if err := checkPolicy(topic, found.Settings[cleanupPolicy]); err != nil {
			return [16]byte{}, err
		}
	}
	return found.ID, checkPartitions(topic, c.partitions, found.Partitions)
}

// stepError says what opening the topic met in the words of this package, where there is more to
// say than what Kafka did.
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
			Do: "allow CREATE of the topic, or have somebody create it",
		}
	case unauthorised && step.Step == topics.Describe:
		return &Error{
			Kind: ErrNotAuthorised, Topic: topic, Asked: "the topic's cleanup.policy", Cause: step.Cause,
			Do: "allow DESCRIBE_CONFIGS of the topic, or make sure that it is exactly compact and open WithoutTopicValidation",
		}
	case step.Step == topics.Create && errors.As(err, &code) && !code.Retriable:
		return &Error{
			Kind: ErrTopicConfig, Topic: topic, Found: step.Message, Cause: step.Cause,
			Asked: fmt.Sprintf("%d partitions, replication factor %d, %v", spec.Partitions, spec.ReplicationFactor, spec.Settings),
			Do:    "see WithReplicationFactor and WithPartitions, or have somebody create the topic with cleanup.policy=compact",
		}
	}
	return step.Cause
}
